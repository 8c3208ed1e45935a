//! What stands between a worker and the brokers: a TCP proxy on each way, which can be told to misbehave, now
//! or once the worker asks for something.

use std::net::TcpListener as StdListener;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch::{Receiver, Sender};

use super::Own;
use super::requests::Requests;

/// What is wrong with a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    None,
    /// Whatever is sent arrives so much later.
    Delay(Duration),
    /// Connections are reset, and new ones too.
    Reset,
    /// The broker's end of each connection is gone without the worker being told.
    HalfOpen,
    /// Requests do not arrive; answers do.
    CutToBroker,
    /// Requests arrive; answers do not.
    CutFromBroker,
    /// Nothing arrives.
    Silence,
}

impl Trouble {
    fn holds(self, way: Way) -> bool {
        match self {
            Trouble::None | Trouble::Delay(_) | Trouble::Reset => false,
            Trouble::CutToBroker => way == Way::ToBroker,
            Trouble::CutFromBroker => way == Way::FromBroker,
            Trouble::HalfOpen | Trouble::Silence => true,
        }
    }

    fn delay(self) -> Duration {
        match self {
            Trouble::Delay(delay) => delay,
            _ => Duration::ZERO,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    ToBroker,
    FromBroker,
}

/// Trouble on all ways of a worker that waits for its next request of a kind.
struct Trap {
    set: Mutex<Option<(i16, Trouble)>>,
    ways: Vec<Sender<Trouble>>,
}

impl Trap {
    fn lock(&self) -> MutexGuard<'_, Option<(i16, Trouble)>> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Told before a request is forwarded, so that its answer meets the trouble.
    fn meet(&self, kinds: &[i16]) {
        let mut set = self.lock();
        if let Some((_, trouble)) = set.take_if(|(kind, _)| kinds.contains(kind)) {
            for way in &self.ways {
                way.send_replace(trouble);
            }
        }
    }
}

/// A way from a worker to a broker, as its connections know it.
#[derive(Clone)]
struct Passage {
    target: u16,
    trouble: Receiver<Trouble>,
    trap: Arc<Trap>,
}

/// Proxies from each worker to each broker.
pub struct Proxies {
    brokers: usize,
    ports: Vec<u16>,
    listeners: Vec<StdListener>,
    troubles: Vec<Sender<Trouble>>,
    /// Of each worker.
    traps: Vec<Arc<Trap>>,
}

impl Proxies {
    /// Takes a port for each worker and broker.
    pub fn bind(workers: usize, brokers: usize) -> Self {
        let bind = |_| StdListener::bind(("127.0.0.1", 0)).expect("a free port");
        let listeners: Vec<_> = (0..workers * brokers).map(bind).collect();
        let port = |listener: &StdListener| listener.local_addr().expect("it is bound").port();
        let ports = listeners.iter().map(port).collect();
        let troubles = listeners.iter().map(|_| Sender::new(Trouble::None));
        let troubles: Vec<_> = troubles.collect();
        let trap = |ways: &[Sender<Trouble>]| {
            Arc::new(Trap {
                set: Mutex::default(),
                ways: ways.to_vec(),
            })
        };
        Proxies {
            brokers,
            ports,
            listeners,
            traps: troubles.chunks(brokers).map(trap).collect(),
            troubles,
        }
    }

    /// The ports as KAFKA_PROXIED wants them.
    pub fn wanted(&self) -> String {
        let of_broker = |broker: usize| {
            let of_worker = self.ports[broker..].iter().step_by(self.brokers);
            let ports: Vec<String> = of_worker.map(u16::to_string).collect();
            ports.join(",")
        };
        let lists: Vec<String> = (0..self.brokers).map(of_broker).collect();
        lists.join(" ")
    }

    /// The bootstrap address of a worker.
    pub fn bootstrap(&self, worker: usize) -> String {
        let ports = self.ports[worker * self.brokers..][..self.brokers].iter();
        let addresses: Vec<String> = ports.map(|port| format!("127.0.0.1:{port}")).collect();
        addresses.join(",")
    }

    /// Forwards to the brokers of this cluster from now on, on a thread of its own.
    pub fn forward(&mut self, own: &Own) {
        let mut targets = Vec::new();
        for broker in 1..=u32::try_from(self.brokers).expect("few brokers") {
            let text = std::fs::read_to_string(own.file(broker, "proxied")).expect("its ports");
            let ports = text
                .lines()
                .map(|line| line.parse::<u16>().expect("a port"));
            targets.push(ports.collect::<Vec<_>>());
        }
        let ways: Vec<_> = self
            .listeners
            .drain(..)
            .enumerate()
            .map(|(place, listener)| {
                let worker = place / self.brokers;
                let passage = Passage {
                    target: targets[place % self.brokers][worker],
                    trouble: self.troubles[place].subscribe(),
                    trap: Arc::clone(&self.traps[worker]),
                };
                (listener, passage)
            })
            .collect();
        thread::spawn(move || run(ways));
    }

    /// How many brokers there are.
    pub fn brokers(&self) -> usize {
        self.brokers
    }

    /// How many workers have a way of their own.
    pub fn workers(&self) -> usize {
        self.ports.len() / self.brokers
    }

    /// Makes trouble on the ways of these workers to these brokers, or ends it.
    pub fn trouble(&self, workers: Range<usize>, brokers: Range<usize>, trouble: Trouble) {
        for worker in workers {
            for broker in brokers.clone() {
                self.troubles[worker * self.brokers + broker].send_replace(trouble);
            }
        }
    }

    /// Makes trouble on all ways of a worker at its next request of this kind, beginning with that request.
    pub fn trouble_at(&self, worker: usize, kind: i16, trouble: Trouble) {
        *self.traps[worker].lock() = Some((kind, trouble));
    }

    /// Whether a worker has sent the request that its trouble waited for.
    pub fn has_met(&self, worker: usize) -> bool {
        self.traps[worker].lock().is_none()
    }
}

fn run(ways: Vec<(StdListener, Passage)>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async move {
        for (listener, passage) in ways {
            tokio::spawn(accept(listener, passage));
        }
        std::future::pending::<()>().await;
    });
}

async fn accept(listener: StdListener, passage: Passage) {
    listener.set_nonblocking(true).expect("a socket of ours");
    let listener = TcpListener::from_std(listener).expect("a listening socket");
    loop {
        match listener.accept().await {
            Ok((client, _)) => drop(tokio::spawn(connection(client, passage.clone()))),
            // Too many open files, or a client that has gone already.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// One connection, until either end or trouble ends it.
async fn connection(client: TcpStream, mut passage: Passage) {
    let connected = TcpStream::connect(("127.0.0.1", passage.target)).await;
    if let Ok(broker) = connected {
        // Their failure is told by the streams themselves.
        let _ = (client.set_nodelay(true), broker.set_nodelay(true));
        let ends = |trouble: &Trouble| matches!(trouble, Trouble::Reset | Trouble::HalfOpen);
        let told = passage.clone();
        let ended = tokio::select! {
            () = pump(&client, &broker, Way::ToBroker, told.clone()) => Trouble::None,
            () = pump(&broker, &client, Way::FromBroker, told) => Trouble::None,
            ended = passage.trouble.wait_for(ends) => ended.map_or(Trouble::None, |trouble| *trouble),
        };
        if ended == Trouble::Reset {
            reset(broker);
        } else {
            drop(broker);
        }
    }
    // A host that is gone says nothing; once it is reachable again, it knows of no connection.
    let _ = passage
        .trouble
        .wait_for(|trouble| *trouble != Trouble::HalfOpen)
        .await;
    reset(client);
}

/// Closes a connection as a host does that knows nothing of it.
fn reset(stream: TcpStream) {
    // Where it cannot be reset it is closed.
    let _ = stream.set_zero_linger();
    drop(stream);
}

/// Carries bytes in one direction until it ends.
async fn pump(from: &TcpStream, to: &TcpStream, way: Way, mut passage: Passage) {
    let mut buffer = vec![0; 64 * 1024];
    let mut requests = Requests::default();
    loop {
        let Some(count) = read(from, &mut buffer).await else {
            return;
        };
        if way == Way::ToBroker {
            passage.trap.meet(&requests.follow(&buffer[..count]));
        }
        // What is under way when a way is cut arrives late, as TCP would have it.
        let Ok(delay) = passage
            .trouble
            .wait_for(|trouble| !trouble.holds(way))
            .await
            .map(|trouble| trouble.delay())
        else {
            return;
        };
        if delay > Duration::ZERO {
            tokio::time::sleep(delay).await;
        }
        if write(to, &buffer[..count]).await.is_none() {
            return;
        }
    }
}

async fn read(from: &TcpStream, buffer: &mut [u8]) -> Option<usize> {
    loop {
        from.readable().await.ok()?;
        match from.try_read(buffer) {
            Ok(0) => return None,
            Ok(count) => return Some(count),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
    }
}

async fn write(to: &TcpStream, mut bytes: &[u8]) -> Option<()> {
    while !bytes.is_empty() {
        to.writable().await.ok()?;
        match to.try_write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
    }
    Some(())
}
