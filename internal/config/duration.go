package config

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Duration is read from seconds (300, 0.5) or a Go duration (5m, 500ms). Zero and negative values are allowed.
type Duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	word := string(text)
	if seconds, err := strconv.ParseFloat(word, 64); err == nil {
		if limit := math.MaxInt64 / float64(time.Second); !(math.Abs(seconds) < limit) {
			return fmt.Errorf("%q is not a duration: it must be below %.0f seconds", word, limit)
		}
		*d = Duration(seconds * float64(time.Second))
		return nil
	}
	parsed, err := time.ParseDuration(word)
	if err != nil {
		return fmt.Errorf("%q is neither seconds, such as 300, nor a duration, such as 5m or 500ms", word)
	}
	*d = Duration(parsed)
	return nil
}

// String returns the Go form, such as 5m0s.
func (d Duration) String() string { return time.Duration(d).String() }
