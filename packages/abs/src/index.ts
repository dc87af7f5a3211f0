// The abs backend.
