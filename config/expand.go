package config

import (
	"fmt"
	"regexp"
	"strings"
)

// variable is one ${NAME} that was found in a text.
type variable struct{ name, value string }

// variableName is how POSIX shells spell the names of environment variables.
const variableName = `^[A-Za-z_][A-Za-z0-9_]*$`

// expand replaces each ${NAME} by the environment's value, and $$ by $. A $ before anything else
// stays as it is. It returns the variables used and says what is wrong.
func expand(text string, env func(string) (string, bool)) (value string, used []variable, wrong []string) {
	var out strings.Builder
	for rest := text; rest != ""; {
		plain, after, found := strings.Cut(rest, "$")
		out.WriteString(plain)
		if !found {
			break
		}
		switch {
		case strings.HasPrefix(after, "$"):
			out.WriteString("$")
			rest = after[1:]
		case strings.HasPrefix(after, "{"):
			name, behind, closed := strings.Cut(after[1:], "}")
			if !closed {
				return "", used, append(wrong, "${ without }: write ${NAME} for a variable, or $${ for the text itself")
			}
			rest = behind
			value, message := lookup(name, env)
			if message != "" {
				wrong = append(wrong, message)
				continue
			}
			used = append(used, variable{name, value})
			out.WriteString(value)
		default:
			out.WriteString("$")
			rest = after
		}
	}
	return out.String(), used, wrong
}

func lookup(name string, env func(string) (string, bool)) (value, wrong string) {
	if !regexp.MustCompile(variableName).MatchString(name) {
		return "", "${…} holds no name of a variable: write ${NAME} with letters, digits and _ only, or $${ for the text itself"
	}
	value, set := env(name)
	if !set {
		return "", fmt.Sprintf("variable %s is not set: set it in the environment of this process, for example by export %s=…", name, name)
	}
	return value, ""
}

// literal is a text in the form that [expand] turns back into it.
func literal(text string) string { return strings.ReplaceAll(text, "$", "$$") }

// excerpt shortens a text that is shown in a message.
func excerpt(text string) string {
	const limit = 60
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return text
}
