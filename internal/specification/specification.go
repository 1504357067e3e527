// Package specification reads what the address of an API's specification says: the number of the TM Forum Open API, and the
// major version. It is pure, and never opens an address.
package specification

// urlMarks are the characters before and after a major version in the URL of a specification. The Canvas operators look for
// them in this order, and for each from the left.
var urlMarks = [...]struct{ before, after byte }{{'_', '.'}, {'/', '/'}, {'-', '.'}}

// URLMajor returns the major version in a URL, such as v4 for .../TMF620-v4.0.0.json, else "".
func URLMajor(url string) string {
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

// Major returns v4 for v4.0.1, 4.0.1, v4 and 4, and "" for a version of another form.
func Major(version string) string {
	if version != "" && version[0]|0x20 == 'v' {
		version = version[1:]
	}
	n := digits(version)
	if n == 0 || n < len(version) && version[n] != '.' {
		return ""
	}
	return "v" + version[:n]
}

// Name returns the name of the TM Forum Open API of the first text that has one, such as TMF620 for
// .../TMF620-ProductCatalog-v4.0.0.json, else "".
func Name(texts ...string) string {
	for _, text := range texts {
		for i := 0; i+6 <= len(text); i++ {
			if !isTMF(text[i:i+3]) || i > 0 && isWord(text[i-1]) {
				continue
			}
			if number := text[i+3:]; digits(number) == 3 {
				return "TMF" + number[:3]
			}
		}
	}
	return ""
}

func isTMF(text string) bool {
	return text[0]|0x20 == 't' && text[1]|0x20 == 'm' && text[2]|0x20 == 'f'
}

// isWord reports whether a character continues a word, so that what follows does not begin one.
func isWord(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' }

// digits returns the number of decimal digits at the beginning of a text.
func digits(text string) int {
	n := 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	return n
}
