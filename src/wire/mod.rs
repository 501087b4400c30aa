//! Pure codecs, bytes to model and back: one file or folder a format, strangers to each other.
