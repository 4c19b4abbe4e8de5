//! A toy cluster drives decisions to rest, whatever happens in which order.
