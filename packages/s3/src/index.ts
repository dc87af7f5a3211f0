// The s3 backend.
