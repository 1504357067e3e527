// Package schema checks a document as the deployed service does before it creates one.
//
// [Violations] has the service's words and order. It checks the part of the specification's Resource_FVO that a client of the
// Canvas can meet. The tests of tmf639 check it through POST.
package schema
