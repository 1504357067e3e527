// Package render writes the output of ctl: values for programs as JSON, YAML or by a JSONPath template, and tables for people.
//
// JSON and YAML are exact. Tables and JSONPath output are text: what a terminal would not show is escaped, see
// [odasync/internal/printable], so that the text of a component cannot control the terminal or forge lines.
package render
