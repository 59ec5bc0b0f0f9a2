// Package intake makes results of what producers hand over, for every way in: a [Reader] splits input
// into JSON values, each with the line on which it begins; an [Envelope] makes a result of a value, its
// data untouched; [Complete] checks it as submission would, so that nothing of a request need be
// submitted before all of it is known to be right.
package intake
