package embedded

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

const loopback = "127.0.0.1"

// ports of one server. The Web UI's listener is the one it will serve on; the Temporal server opens
// its own by number.
type ports struct {
	frontend, history, matching, worker int
	ui                                  net.Listener // nil without a Web UI
}

// choosePorts finds out before anything is started whether the ports are free.
func choosePorts(o Options) (ports, error) {
	var p ports
	frontend, err := listen(o.Port, "gRPC", "--port")
	if err != nil {
		return ports{}, err
	}
	defer frontend.Close()
	for _, port := range []*int{&p.history, &p.matching, &p.worker} {
		if *port, err = freePort(); err != nil {
			return ports{}, err
		}
	}
	p.frontend = o.Port
	if o.Port == AnyPort {
		if p.frontend, err = freePort(); err != nil {
			return ports{}, err
		}
	}
	if !o.Headless {
		if p.ui, err = listen(o.UIPort, "Web UI", "--ui-port"); err != nil {
			return ports{}, err
		}
	}
	return p, nil
}

func (p ports) address() string { return hostPort(p.frontend) }

func listen(port int, what, flag string) (net.Listener, error) {
	number := port
	if port == AnyPort {
		number = 0
	}
	listener, err := net.Listen("tcp", hostPort(number)) //nolint:noctx // binding a literal address does not wait
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s port %d on %s is in use by another program: stop that one, or choose another port with %s (-1 takes any free one)", what, port, loopback, flag)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s port %d of %s: %w: choose another port with %s (-1 takes any free one)", what, port, loopback, err, flag)
	}
	return listener, nil
}

// freePort returns a port that the system will not hand out again at once: a connection that its
// listener's side closed first leaves it in TIME_WAIT, in which only who asks for that port by number
// gets it. `temporal server start-dev` does the same.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", hostPort(0)) //nolint:noctx // as in listen
	if err != nil {
		return 0, fmt.Errorf("find a free port on %s: %w", loopback, err)
	}
	defer listener.Close()
	dialled, err := net.Dial("tcp", listener.Addr().String()) //nolint:noctx // as in listen
	if err != nil {
		return 0, fmt.Errorf("find a free port on %s: %w", loopback, err)
	}
	defer dialled.Close()
	accepted, err := listener.Accept()
	if err != nil {
		return 0, fmt.Errorf("find a free port on %s: %w", loopback, err)
	}
	accepted.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil //nolint:forcetypeassert // a TCP listener has no other
}

func hostPort(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
