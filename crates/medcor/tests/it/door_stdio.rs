//! MCP over standard input and output, through the real binary.
