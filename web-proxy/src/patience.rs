//! A limit on how long a connection may take nothing.
//!
//! A stream that is never finished needs it: a reader that stalls keeps its connection, and what
//! was handed to it, for as long as it likes otherwise. A connection with nothing to send is not
//! concerned. Not here: how long a client may take to ask.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::time::{Sleep, sleep};

/// A connection that breaks when nothing of what is written goes out for so long.
#[derive(Debug)]
pub struct Patient<C> {
    connection: C,
    limit: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<C> Patient<C> {
    /// This connection with a limit.
    pub fn new(connection: C, limit: Duration) -> Self {
        Self { connection, limit, stalled: None }
    }

    fn check<T>(
        &mut self,
        context: &mut Context<'_>,
        write: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if write.is_ready() {
            self.stalled = None;
            return write;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(self.limit)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<C: AsyncRead + Unpin> AsyncRead for Patient<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_read(context, buffer)
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for Patient<C> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.connection).poll_write(context, bytes);
        self.check(context, write)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.connection).poll_write_vectored(context, slices);
        self.check(context, write)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }
}

/// A listener whose connections have the limit.
#[derive(Debug)]
pub struct PatientListener<L> {
    listener: L,
    limit: Duration,
}

impl<L> PatientListener<L> {
    /// This listener with a limit.
    pub fn new(listener: L, limit: Duration) -> Self {
        Self { listener, limit }
    }
}

impl<L: Listener> Listener for PatientListener<L> {
    type Io = Patient<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (connection, address) = self.listener.accept().await;
        (Patient::new(connection, self.limit), address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// The address that a connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

impl Connected<IncomingStream<'_, PatientListener<TcpListener>>> for Peer {
    fn connect_info(stream: IncomingStream<'_, PatientListener<TcpListener>>) -> Self {
        Self(stream.remote_addr().ip())
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::Patient;

    const LIMIT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn a_connection_that_takes_nothing_is_broken() {
        let (near, _far) = duplex(10);
        let written = Patient::new(near, LIMIT).write_all(&[0; 11]).await;
        assert_eq!(written.unwrap_err().kind(), ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_slow_one_that_takes_a_little_is_kept() {
        let (near, mut far) = duplex(1);
        let reader = tokio::spawn(async move {
            let mut read = 0;
            while far.read_u8().await.is_ok() {
                read += 1;
                tokio::time::sleep(LIMIT / 10).await;
            }
            read
        });
        let mut patient = Patient::new(near, LIMIT);
        patient.write_all(&[0; 30]).await.unwrap();
        drop(patient);
        assert_eq!(reader.await.unwrap(), 30);
    }
}
