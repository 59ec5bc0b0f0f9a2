package config

import "reflect"

// Address is where a sink of this configuration delivers to, in one line: its kind and the settings of
// that, as [Config.Show] has them and so without secrets.
func (c Config) Address(sink Sink) string {
	e := encoder{origins: c.origins}
	if e.origins == nil {
		e.origins = newOrigins()
	}
	settings := e.encode(reflect.ValueOf(sink.Settings), join(join("sinks", sink.Name), sink.Kind))
	if len(settings.entries) == 0 {
		return sink.Kind
	}
	return sink.Kind + " " + settings.yamlFlow()
}
