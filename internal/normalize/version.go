package normalize

// Versions are the API versions that Component reads, the preferred one first.
var Versions = []string{"v1", "v1beta4", "v1beta3", "v1beta2"}

// urlMarks are the characters before and after a major version in the URL of a specification. The Canvas operators look for
// them in this order, and for each from the left.
var urlMarks = [...]struct{ before, after byte }{{'_', '.'}, {'/', '/'}, {'-', '.'}}

// urlMajor returns the major version in a URL, such as v4 for .../TMF620-v4.0.0.json, else "".
func urlMajor(url string) string {
	for _, mark := range urlMarks {
		for i := 0; i+2 < len(url); i++ {
			if url[i] != mark.before || url[i+1]|0x20 != 'v' {
				continue
			}
			rest := url[i+2:]
			if n := digits(rest); n > 0 && n < len(rest) && rest[n] == mark.after {
				return "v" + rest[:n]
			}
		}
	}
	return ""
}

// declaredMajor returns v4 for v4.0.1, 4.0.1, v4 and 4, and "" for a version of another form.
func declaredMajor(version string) string {
	if version != "" && version[0]|0x20 == 'v' {
		version = version[1:]
	}
	n := digits(version)
	if n == 0 || n < len(version) && version[n] != '.' {
		return ""
	}
	return "v" + version[:n]
}

// digits returns the number of decimal digits at the beginning of a text.
func digits(text string) int {
	n := 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	return n
}
