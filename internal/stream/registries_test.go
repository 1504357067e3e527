package stream

import "testing"

func TestSameRegistry(t *testing.T) {
	for name, tt := range map[string]struct {
		a, b string
		want bool
	}{
		"names of this machine": {"http://localhost:8000", "http://127.0.0.1:8000", true},
		"IPv6":                  {"http://[::1]:8000", "http://127.0.0.1:8000", true},
		"every address":         {"http://[::]:8000", "http://localhost:8000", true},
		"case":                  {"HTTP://Registry.Example:8000/Path", "http://registry.example:8000/Path", true},
		"default port":          {"http://registry.example", "http://registry.example:80/", true},
		"default port of https": {"https://registry.example/a/", "https://registry.example:443/a", true},
		"other port":            {"http://localhost:8000", "http://localhost:8001", false},
		"other scheme":          {"http://registry.example:443", "https://registry.example", false},
		"other path":            {"http://registry.example/a", "http://registry.example/A", false},
		"other host":            {"http://registry.example", "http://127.0.0.1", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := SameRegistry(tt.a, tt.b); got != tt.want {
				t.Errorf("SameRegistry(%q, %q) is %v", tt.a, tt.b, got)
			}
		})
	}
}
