//! What the engines share: the log, files that can fail, packed blobs, partitions.
