//! The official SDKs against the real server.
