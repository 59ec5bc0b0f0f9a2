package sinks

// Previewer is what the settings of a kind may implement beside [Settings], to show what a delivery
// would be. It opens, contacts and writes nothing.
type Previewer interface {
	// Preview returns the request or message in lines, as it would leave, with its secrets masked.
	Preview(d Delivery) (string, error)
}
