// Package browsertest tries the example apps in a real browser. It is a module
// of its own, so that a browser driver is no dependency of hotsock.
//
// The tests need Chromium. With HOTSOCK_SCREENSHOTS set to the name of a
// folder, TestScreenshots and TestConsoleFits fill it with pictures.
package browsertest
