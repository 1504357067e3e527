// Package support writes the archive that a maintainer gets: JSON documents in a tar.gz file, without secrets.
//
// # Guarantees
//
//   - Every document passes the [Redactor]: the values of all secret variables, passwords in URLs, and credentials in headers
//     are replaced, wherever they occur.
//   - The archive has a document for each part that could be read, and errors.txt for the others.
//
// The tests plant secrets in every place and look for them in the archive.
package support
