package postgrestest

import "syscall"

// tied lets a process crash with the one that started it, however that ends.
func tied() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT} }
