package render

// Plural is the noun for a number of things.
func Plural(count int, noun string) string {
	if count == 1 {
		return noun
	}
	return noun + "s"
}
