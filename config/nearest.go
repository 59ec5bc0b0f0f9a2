package config

import (
	"fmt"
	"strings"
)

// didYouMean is ` (did you mean "url"?)`, or nothing where no name is near.
func didYouMean(word string, names []string) string {
	if name := nearest(word, names); name != "" {
		return fmt.Sprintf(" (did you mean %q?)", name)
	}
	return ""
}

// nearest returns the name that was probably meant by a mistyped word, or "".
func nearest(word string, names []string) string {
	// About one slip in three letters: more would suggest names that have nothing in common.
	letters := len([]rune(word))
	best, limit := "", min(letters-1, max(1, min(3, letters/3)))
	for _, name := range names {
		if d := editDistance(strings.ToLower(word), strings.ToLower(name)); d <= limit {
			best, limit = name, d-1
		}
	}
	return best
}

// editDistance counts the slips between two words: letters missing, added, replaced, or swapped with
// their neighbour (Damerau and Levenshtein, optimal string alignment).
func editDistance(a, b string) int {
	s, t := []rune(a), []rune(b)
	rows := make([][]int, len(s)+1)
	for i := range rows {
		rows[i] = make([]int, len(t)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(s); i++ {
		for j := 1; j <= len(t); j++ {
			replace := rows[i-1][j-1]
			if s[i-1] != t[j-1] {
				replace++
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, replace)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(s)][len(t)]
}
