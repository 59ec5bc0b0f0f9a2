// Package postgrestest starts PostgreSQL servers for tests, from the programs that are installed. Each
// is a process of its own, in a temporary directory, and on Linux ends with the one that started it.
package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// RequireVariable makes tests fail, and not be skipped, where PostgreSQL is missing, by the value 1.
const RequireVariable = "CONSIGN_REQUIRE_POSTGRES"

// Wait is how long a server may take to start or to stop on a machine that is busy.
const Wait = time.Minute

// Find returns the directory of PostgreSQL's programs, which Debian keeps out of PATH.
func Find() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		return "", errors.New("PostgreSQL is not installed: apt-get install postgresql")
	}
	return filepath.Dir(found[len(found)-1]), nil
}

// Server answers on a Unix socket without passwords, and on a loopback port with them.
type Server struct {
	// Bin is the directory of its programs, Dir that of its socket, data and log.
	Bin, Dir string
	Port     int
	// As is whom it runs as, since it refuses to be root.
	As *syscall.SysProcAttr

	settings []string
	process  *os.Process
	ended    chan struct{}
}

// New makes a database and starts a server for it, with settings as in "name=value".
func New(bin string, settings ...string) (*Server, error) {
	dir, err := os.MkdirTemp("", "consign-pg")
	if err != nil {
		return nil, err
	}
	s := &Server{Bin: bin, Dir: dir, As: tied(), settings: settings}
	if os.Getuid() == 0 { // whom PostgreSQL refuses to run as
		account, err := user.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.ParseUint(account.Uid, 10, 32)
		gid, _ := strconv.ParseUint(account.Gid, 10, 32)
		s.As.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, int(uid), int(gid)); err != nil {
			return nil, err
		}
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), //nolint:noctx // it ends by itself
		"-D", filepath.Join(dir, "data"), "-U", "postgres",
		"--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = s.As, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	if _, port, err := net.SplitHostPort(listener.Addr().String()); err == nil {
		s.Port, _ = strconv.Atoi(port)
	}
	if err := listener.Close(); err != nil {
		return nil, err
	}
	if err := s.Start(); err != nil {
		return nil, err
	}
	return s, nil
}

// Start starts the server and waits until it answers.
func (s *Server) Start() error {
	log, err := os.OpenFile(filepath.Join(s.Dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	args := []string{"-D", filepath.Join(s.Dir, "data"), "-k", s.Dir, "-h", "127.0.0.1", "-p", strconv.Itoa(s.Port)}
	for _, setting := range append([]string{"fsync=off", "max_connections=200"}, s.settings...) {
		args = append(args, "-c", setting)
	}
	command := exec.Command(filepath.Join(s.Bin, "postgres"), args...) //nolint:noctx // it is ended by signals
	command.SysProcAttr, command.Dir, command.Stdout, command.Stderr = s.As, s.Dir, log, log
	started, ended := make(chan error), make(chan struct{})
	go func() {
		// It is told to stop when the thread that started it ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(ended)
		err := command.Start()
		started <- err
		if err == nil {
			_ = command.Wait()
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	s.process, s.ended = command.Process, ended
	ctx, cancel := context.WithTimeout(context.Background(), Wait)
	defer cancel()
	for {
		admin, err := pgx.Connect(ctx, s.Admin())
		if err == nil {
			return admin.Close(ctx)
		}
		select {
		case <-ended:
			said, _ := os.ReadFile(filepath.Join(s.Dir, "log"))
			return fmt.Errorf("it ended: %s", said)
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Stop ends the server as signal says: SIGINT breaks off what is under way, SIGQUIT is a crash.
func (s *Server) Stop(signal syscall.Signal) error {
	if err := s.process.Signal(signal); err != nil {
		return err
	}
	select {
	case <-s.ended:
		return nil
	case <-time.After(Wait):
		return errors.New("it does not stop")
	}
}

// Remove stops the server and removes what it had.
func (s *Server) Remove() error {
	return errors.Join(s.Stop(syscall.SIGINT), os.RemoveAll(s.Dir))
}

// Admin is how to connect as superuser.
func (s *Server) Admin() string {
	return fmt.Sprintf("host=%s port=%d user=postgres dbname=postgres", s.Dir, s.Port)
}
