// Package intake makes results of what producers hand over, for every way in: a [Reader] splits input
// into JSON values, each with the line on which it begins; an [Envelope] makes a result of a value, its
// data untouched.
package intake
