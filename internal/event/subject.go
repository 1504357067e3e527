package event

import (
	"fmt"
	"strings"

	"odasync/internal/component"
)

// Subject prefixes. The version in them changes only when older readers could not read the messages.
const (
	ComponentPrefix = "oda.components.v1"
	SnapshotPrefix  = "oda.snapshots.v1"
	DeadPrefix      = "oda.deadletters.v1" // in a stream of its own
	ControlPrefix   = "oda.control.v1"     // requests, in no stream
)

// SubjectTemplate is the form of the subjects of components, for people and for traces.
const SubjectTemplate = ComponentPrefix + ".{cluster}.{namespace}.{name}"

// Subject returns oda.components.v1.<cluster>.<namespace>.<name>.
func Subject(k component.Key) string { return ComponentPrefix + "." + Tokens(k) }

// ClusterSubjects returns the wildcard that matches every component of a cluster.
func ClusterSubjects(cluster string) string { return Subjects(cluster, "", "") }

// Subjects returns the filter for the components of a cluster in a namespace, with a name, or both; empty matches any.
func Subjects(cluster, namespace, name string) string {
	filter := ComponentPrefix + "." + Token(cluster)
	for _, part := range []string{namespace, name} {
		if part == "" {
			filter += ".*"
		} else {
			filter += "." + Token(part)
		}
	}
	return filter
}

// DeadSubject returns oda.deadletters.v1.<target>.<cluster>.<namespace>.<name>.
func DeadSubject(target string, k component.Key) string {
	return DeadPrefix + "." + Token(target) + "." + Tokens(k)
}

// SnapshotSubject returns oda.snapshots.v1.<cluster>.
func SnapshotSubject(cluster string) string { return SnapshotPrefix + "." + Token(cluster) }

// ControlSubject returns oda.control.v1.<cluster>.<request>.
func ControlSubject(cluster, request string) string {
	return ControlPrefix + "." + Token(cluster) + "." + request
}

// TargetSubject returns oda.control.v1.target.<target>.<request>.
func TargetSubject(target, request string) string {
	return ControlPrefix + ".target." + Token(target) + "." + request
}

// StatusSubject returns the subject for the status of every process of a kind. It has one token less than a ControlSubject.
func StatusSubject(process string) string { return ControlPrefix + "." + process }

// Tokens returns <cluster>.<namespace>.<name> in characters that are legal in NATS subjects and in KV keys.
func Tokens(k component.Key) string {
	return Token(k.Cluster) + "." + Token(k.Namespace) + "." + Token(k.Name)
}

// ParseSubject is the inverse of Subject.
func ParseSubject(subject string) (component.Key, error) {
	rest, found := strings.CutPrefix(subject, ComponentPrefix+".")
	if !found {
		return component.Key{}, fmt.Errorf("subject %q: does not start with %s", subject, ComponentPrefix)
	}
	key, err := ParseTokens(rest)
	if err != nil {
		return component.Key{}, fmt.Errorf("subject %q: %w", subject, err)
	}
	return key, nil
}

// ParseTokens is the inverse of Tokens.
func ParseTokens(tokens string) (component.Key, error) {
	parts := strings.Split(tokens, ".")
	if len(parts) != 3 {
		return component.Key{}, fmt.Errorf("%d tokens instead of cluster, namespace and name", len(parts))
	}
	for i, part := range parts {
		token, err := ParseToken(part)
		if err != nil {
			return component.Key{}, err
		}
		parts[i] = token
	}
	return component.Key{Cluster: parts[0], Namespace: parts[1], Name: parts[2]}, nil
}

const hexDigits = "0123456789ABCDEF"

// Token encodes one part of a subject or KV key: it keeps letters, digits, _ and -, and writes every other byte as =HH, which is
// injective. An empty part, which a subject cannot hold, is a lone =.
func Token(token string) string {
	if token == "" {
		return "="
	}
	var b strings.Builder
	b.Grow(len(token))
	for i := range len(token) {
		c := token[i]
		if plain(c) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('=')
		b.WriteByte(hexDigits[c>>4])
		b.WriteByte(hexDigits[c&15])
	}
	return b.String()
}

// ParseToken is the inverse of Token.
func ParseToken(token string) (string, error) {
	if token == "=" {
		return "", nil
	}
	b := make([]byte, 0, len(token))
	for i := 0; i < len(token); i++ {
		c := token[i]
		if plain(c) {
			b = append(b, c)
			continue
		}
		if c != '=' || i+2 >= len(token) {
			return "", fmt.Errorf("token %q: a byte outside [A-Za-z0-9_-] must be written as =HH", token)
		}
		high, low := strings.IndexByte(hexDigits, token[i+1]), strings.IndexByte(hexDigits, token[i+2])
		if high < 0 || low < 0 || plain(byte(high<<4|low)) {
			return "", fmt.Errorf("token %q: a byte outside [A-Za-z0-9_-] must be written as =HH", token)
		}
		b = append(b, byte(high<<4|low))
		i += 2
	}
	if len(b) == 0 {
		return "", fmt.Errorf("empty token")
	}
	return string(b), nil
}

func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}
