package config

import (
	"fmt"
	"slices"
	"strings"
)

// Choice says what is wrong with a setting that takes one of a few words, with the word that was
// probably meant, for [Settings].Validate to report. It is empty for an allowed value.
func Choice[T ~string](value T, allowed ...T) string {
	if slices.Contains(allowed, value) {
		return ""
	}
	names := make([]string, len(allowed))
	for i, one := range allowed {
		names[i] = string(one)
	}
	return fmt.Sprintf("%q: %s", excerpt(string(value)), expectedOneOf(string(value), names))
}

// expectedOneOf names the words that are allowed, and the one that was probably meant.
func expectedOneOf(value string, names []string) string {
	return fmt.Sprintf("expected one of %s%s", strings.Join(names, ", "), didYouMean(value, names))
}
