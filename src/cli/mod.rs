//! The command line: one verb a file, results on stdout, all else on stderr.
