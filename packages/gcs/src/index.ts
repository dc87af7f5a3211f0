// The gcs backend.
