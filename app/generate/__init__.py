"""Page Generate: styles of a label, and pictures of samples."""
