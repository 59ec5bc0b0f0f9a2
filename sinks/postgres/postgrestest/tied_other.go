//go:build !linux

package postgrestest

import "syscall"

// tied has no way to let a process end with the one that started it.
func tied() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
