// The sftp backend.
