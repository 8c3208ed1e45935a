//! The server's thread, from start to stop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::connections::{Bounded, Bounds};
use super::routes::{Shown, router};

/// A server that answers until it is stopped or dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens at an address; port 0 is a free one.
    ///
    /// # Errors
    /// If the address cannot be listened at.
    pub fn start(listen: SocketAddr, shown: Arc<Shown>) -> io::Result<Self> {
        Self::start_within(Bounds::default(), listen, shown)
    }

    fn start_within(bounds: Bounds, listen: SocketAddr, shown: Arc<Shown>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind(listen))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new()
            .name("http".to_owned())
            .spawn(move || {
                let serving = axum::serve(Bounded::new(listener, bounds), router(shown));
                // Connections that linger are cut: whoever stops the server has to end soon.
                runtime.block_on(async {
                    tokio::select! {
                        served = async { serving.await } => {
                            if let Err(error) = served {
                                tracing::error!(%error, "serving http");
                            }
                        }
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Server {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of that thread was told by its own message; there is nothing to add.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::time::{Duration, Instant};

    use expect_test::expect;

    use super::*;
    use crate::telemetry::Metrics;
    use crate::view::{Health, PartitionHealth};

    fn ask(server: &Server, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(server.address()).expect("the server listens");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
        )
        .expect("the server reads");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .expect("the server answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        (status.expect("a status line"), body.to_owned())
    }

    fn served() -> (Arc<Shown>, Server) {
        let shown = Arc::new(Shown {
            metrics: Metrics::default(),
            health: Health::of_workers(1),
        });
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::start(anywhere, Arc::clone(&shown)).expect("a free port");
        (shown, server)
    }

    #[test]
    fn a_client_that_says_nothing_holds_its_place_for_a_while_only() {
        let shown = Arc::new(Shown {
            metrics: Metrics::default(),
            health: Health::of_workers(1),
        });
        let bounds = Bounds {
            at_once: 3,
            life: Duration::from_millis(300),
        };
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::start_within(bounds, anywhere, shown).expect("a free port");
        let begun = Instant::now();
        let connect = |_| TcpStream::connect(server.address()).expect("the server listens");
        let silent: Vec<TcpStream> = (0..3).map(connect).collect();
        assert_eq!(ask(&server, "/healthz"), (200, "alive\n".to_owned()));
        assert!(begun.elapsed() >= bounds.life, "all places were taken");
        for mut stream in silent {
            let mut nothing = Vec::new();
            let ended = stream.read_to_end(&mut nothing).map_or(0, |length| length);
            assert_eq!(ended, 0, "the server hung up without a word");
        }
    }

    #[test]
    fn readiness_says_what_stands_in_the_way() {
        let (shown, server) = served();
        let (status, body) = ask(&server, "/readyz");
        assert_eq!(status, 503);
        expect![[r#"{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"not ready","reasons":["0 of 1 workers have reached Kafka"]}"#]]
            .assert_eq(&body);
        shown.health.worker_ready();
        shown.health.partition(0, PartitionHealth::Working);
        let (status, body) = ask(&server, "/readyz");
        assert_eq!(status, 200);
        expect![[r#"{"status":"ready","partitions":{"0":"working"}}"#]].assert_eq(&body);
    }

    #[test]
    fn metrics_health_and_unknown_paths_are_answered() {
        let (shown, server) = served();
        shown.metrics.aborted();
        let (status, body) = ask(&server, "/metrics");
        assert_eq!(status, 200);
        assert!(body.contains("tollkeeper_aborts_total 1"), "{body}");
        assert_eq!(ask(&server, "/healthz"), (200, "alive\n".to_owned()));
        let (status, body) = ask(&server, "/v2");
        assert_eq!(status, 404);
        assert!(body.contains("nothing is served at `/v2`"), "{body}");
    }
}
