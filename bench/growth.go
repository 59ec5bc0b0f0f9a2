package main

import (
	"context"
	"errors"
)

// Growth is what a database that holds many workflows costs.
type Growth struct{}

func (g *Growth) rows() []row { return nil }
func (g *Growth) bars() []bar { return nil }

// growth measures that.
func (b *bench) growth(context.Context, *Report) error { return errors.New("to be written") }
