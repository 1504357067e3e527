package specification

import (
	"testing"

	"odasync/internal/testcheck"
)

// check compares what a function returns for texts.
func check(t *testing.T, of func(string) string, want map[string]string) {
	t.Helper()
	for text, want := range want {
		testcheck.Equal(t, "of "+text, want, of(text))
	}
}

func TestMajor(t *testing.T) {
	check(t, Major, map[string]string{
		"v4.0.1": "v4", "4.0.1": "v4", "v4": "v4", "4": "v4", "V4.0": "v4", "12.1": "v12", "0.0.1": "v0",
		"": "", "v": "", "v.4": "", "latest": "", "vv4": "", "v4beta": "", "4-1": "", "2024-09-17": "",
	})
}

func TestURLMajor(t *testing.T) {
	check(t, URLMajor, map[string]string{
		"https://h/TMF620-ProductCatalog-v4.0.0.swagger.json": "v4",
		"https://h/TMF672_Role_v5.0.0.json":                   "v5",
		"https://h/specs/v4/swagger.json":                     "v4",
		"https://h/TMF620-V4.0.0.JSON":                        "v4",
		"https://h/v12/x.json":                                "v12",
		"https://h/v1/TMF620-v4.0.0.json":                     "v1", // in the operators' order of the marks
		"https://h/v1/TMF620_v4.0.0.json":                     "v4",
		"https://h/a_v2.0/b_v3.0.json":                        "v2",
		"https://h/_v/x_v4.json":                              "v4",
		"https://h/TMF620_v4_0.json":                          "",
		"https://h/TMF620-v4":                                 "",
		"https://h/specs/v4":                                  "",
		"https://h/-v.json":                                   "",
		"https://h/TMF620v4.0.json":                           "",
		"v4.0.0.json":                                         "",
		"":                                                    "",
		"_v4":                                                 "",
	})
}

func TestName(t *testing.T) {
	check(t, func(text string) string { return Name(text) }, map[string]string{
		"https://h/TMF620_ProductCatalog/master/TMF620-ProductCatalog-v4.0.0.swagger.json": "TMF620",
		"https://h/specs/tmf639.json": "TMF639",
		"inventory-tmf637":            "TMF637",
		"TMF620":                      "TMF620",
		"TMF6200 and Tmf622":          "TMF622",
		"TMFC001":                     "",
		"xtmf620":                     "",
		"TMF62":                       "",
		"tmf":                         "",
		"":                            "",
	})
	testcheck.Equal(t, "of several texts", "TMF620", Name("", "metrics", "tmf620", "tmf622"))
}
