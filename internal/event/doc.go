// Package event is the wire format of the stream: desired states of components as CloudEvents in NATS binary mode, snapshot
// markers, and the subjects of both.
//
// # Guarantees
//
// [Encode] and [Decode] are inverse, and so are [Subject] and [ParseSubject] for any cluster, namespace and name. Readers ignore
// unknown headers and fields, so that a newer writer does not stop an older reader; a type or layout that they cannot read is
// an error. The id of a message ([Message.MessageID]) names the message that it follows, so that the same content may be
// published again after another.
//
// The tests compare with golden files in testdata and fuzz every decoder.
package event
