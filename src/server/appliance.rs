//! The appliance from start to end.

use super::features::stream_features;
use super::hub::Hub;
use super::signals::{Asked, Signals};
use super::{ServerError, first_start, host, http, orders};
use crate::admin::{self, Accounts, Control, Listening, Service};
use crate::config::{Config, Overrides};
use crate::modules;
use crate::net::local::{Desk, Local};
use crate::net::{Security, Server, Tls, certificates};
use crate::router::Router;
use crate::store::{Store, Ticket};
use crate::web::Web;
use jid::BareJid;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tracing::{error, info, warn};

/// How long the goodbyes may take; with what follows, the end takes less than 10 s.
const GOODBYES_TIME: Duration = Duration::from_secs(8);
/// How often the certificate is looked at.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// How often it is looked whether there is a backup of today.
const BACKUP_INTERVAL: Duration = Duration::from_secs(10 * 60);

/// Runs the appliance until a signal or a failure ends it.
pub async fn run(config: Config, overrides: Overrides) -> Result<(), ServerError> {
    let mut signals = Signals::new().map_err(|error| ServerError::new(format!("signals cannot be caught: {error}")))?;
    let (server, web, hub, control, account) = start(config, overrides)?;
    let store = hub.store.clone();
    let mut collector = hub.start_collector(account.clone(), None);
    let service: Arc<dyn Service> = hub.clone();
    let background = [
        tokio::spawn(control.serve(service)),
        tokio::spawn(tick(hub.router.clone())),
        tokio::spawn(renew(Arc::clone(&hub))),
        tokio::spawn(back_up(Arc::clone(&hub))),
    ];
    let mut committed = store.committed();
    let stop = Arc::new(Notify::new());
    hub.offer_commands(Arc::clone(&stop));
    let ended = loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Stop => break Ok(()),
                Asked::Reload => reload(Arc::clone(&hub)).await,
            },
            () = stop.notified() => break Ok(()),
            () = hub.collector_changed.notified() => {
                let kept = collector.shutdown().await;
                collector = hub.start_collector(account.clone(), Some(kept));
            }
            () = failed(&mut committed) => {
                let why = store.failure().unwrap_or_else(|| "its thread has ended".to_owned());
                break Err(ServerError::new(format!("the store has failed ({why}): see the log, mend the cause, start again")));
            }
        }
    };
    info!("stopping");
    for task in &background {
        task.abort();
    }
    drop(web);
    goodbye(collector, server, &mut signals).await;
    drop(hub);
    settle(store).await;
    info!("stopped");
    ended
}

/// What runs: the listeners of XMPP and HTTP, the hub, its control socket, the collector's account.
type Started = (Server, Option<Web>, Arc<Hub>, Control, BareJid);

/// Everything that can be refused comes before anything is promised; what was made by then is what the next start finds
/// and uses.
fn start(mut config: Config, overrides: Overrides) -> Result<Started, ServerError> {
    let store = orders::open_store(&mut config)?;
    let settings = &config.settings;
    let now = SystemTime::now();
    let certificate = certificates::load(&settings.certificate_options(host::name, host::addresses), now);
    let certificate = certificate.map_err(ServerError::new)?;
    let unusable = |error| ServerError::new(format!("the certificate cannot be used: {error}"));
    let tls = Arc::new(Tls::new(&certificate.key).map_err(unusable)?);
    let modules = modules::with(settings.module_options());
    let options = settings.router_options();
    let features = stream_features(&modules, &options.contacts);
    let router = Router::new(options, store.clone(), modules);
    let control = Control::bind(&settings.data)?;
    let options = settings.net_options(features).map_err(ServerError::new)?;
    if options.listen.is_empty() {
        let sentence = "nobody could connect: every listener is 'none'; give --listen or --listen-tls an address";
        return Err(ServerError::new(sentence));
    }
    let accounts = Accounts::new(store.clone(), router.clone(), orders::account_options(&config, true));
    let registrar = Arc::new(accounts.clone());
    let server = Server::start(options, router.clone(), store.clone(), Arc::clone(&tls), registrar);
    let server = server.map_err(ServerError::new)?;
    let desk = Arc::new(Desk::new(settings.limits.foreign_alerts.get()));
    let web = http::start(settings, &desk)?;
    let listening = listening(&server, web.as_ref());
    let collector = accounts.make_collector()?;
    router.set_introductions(orders::introductions(settings));
    introduce_all(&router);
    let welcome = first_start::prepare(&config, &accounts, &listening, &certificate)?;
    if let Err(error) = admin::say(&welcome.unwrap_or_default()) {
        warn!("the first admin's password was lost: {error}; 'watchpost account passwd admin' makes another");
    }
    for on in &listening {
        info!(address = %on.address, "listening: {}", on.transport);
    }
    let hub = Hub {
        overrides,
        config: Mutex::new(config),
        certificate: Mutex::new(certificate),
        tls,
        router,
        store,
        desk,
        collector_changed: Notify::new(),
        listening,
        started: Instant::now(),
    };
    Ok((server, web, Arc::new(hub), control, collector))
}

/// What the store does not take now it takes at the next start.
pub(super) fn introduce_all(router: &Router) {
    if let Err(error) = router.introduce_all() {
        warn!(
            condition = error.condition.name(),
            "not everyone finds all collectors in the roster"
        );
    }
}

fn listening(server: &Server, web: Option<&Web>) -> Vec<Listening> {
    let transport = |security: &Security| match security {
        Security::StartTls => "STARTTLS",
        Security::Direct => "direct TLS",
    };
    let listening = |transport: &str, address| Listening {
        transport: transport.to_owned(),
        address,
    };
    let streams = server.local_addrs().iter();
    let streams = streams.map(|(security, address)| listening(transport(security), *address));
    let http = web.into_iter().flat_map(Web::addresses);
    streams.chain(http.map(|address| listening("HTTP", *address))).collect()
}

/// The router's clock.
async fn tick(router: Router) {
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        router.tick(second.tick().await.into_std());
    }
}

/// Keeps the certificate from ending.
async fn renew(hub: Arc<Hub>) {
    loop {
        sleep(RENEWAL_INTERVAL).await;
        let hub = Arc::clone(&hub);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || hub.renew()).await {
            warn!(%error, "the certificate was not renewed; the old one stays");
        }
    }
}

/// Makes a backup a day.
async fn back_up(hub: Arc<Hub>) {
    loop {
        sleep(BACKUP_INTERVAL).await;
        let hub = Arc::clone(&hub);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || hub.back_up_daily()).await {
            warn!(%error, "there is no backup of today; it is tried again");
        }
    }
}

async fn reload(hub: Arc<Hub>) {
    match tokio::task::spawn_blocking(move || hub.reload()).await {
        Ok(Ok(done)) => info!("read again: {}", done.trim_end()),
        Ok(Err(error)) => error!(%error, "not read again: everything stays as it was"),
        Err(_) => error!("not read again, for a reason that the log names"),
    }
}

/// Waits for the store to fail, which closes the channel.
async fn failed(committed: &mut watch::Receiver<Ticket>) {
    while committed.changed().await.is_ok() {}
}

/// Ends the collector, so that its watchers hear of it, then all streams; a second signal ends the waiting.
async fn goodbye(collector: Local, server: Server, signals: &mut Signals) {
    let again = async { while signals.next().await != Asked::Stop {} };
    let goodbyes = async {
        collector.shutdown().await;
        server.shutdown().await;
    };
    tokio::select! {
        ended = timeout(GOODBYES_TIME, goodbyes) => {
            if ended.is_err() {
                warn!("some clients did not say goodbye in time");
            }
        }
        () = again => warn!("asked again: not waiting for the goodbyes"),
    }
}

/// What was handed to the store becomes durable.
async fn settle(store: Store) {
    let settled = tokio::task::spawn_blocking(move || store.wait(store.latest()));
    if let Ok(Err(error)) = settled.await {
        error!(%error, "the last writes are not on the disk");
    }
}
