//! Real parts for end-to-end runs.
