//! What a real server decides: of calls and runs at the same time, from several connections.

use std::error::Error;
use std::time::{Duration, SystemTime};

use eventsmith::admin::{BusAdmin as _, Topology};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, HandlerError, Received};
use rules_engine_edge::external::HttpClient;
use rules_engine_edge::played::{PlayedReceiver, PlayedTaxService};
use rules_engine_edge::serve::Limits;
use rules_engine_edge::tax::{Synchronizer, TaxConfig, TaxServiceClient};
use rules_engine_edge::webhooks::{Endpoint, Incoming, IncomingConfig, Outgoing, OutgoingConfig, Receiver};
use rules_events::tax::TaxRateTable;
use rules_events::webhook::{WebhookDelivered, WebhookReceived};
use rules_events::{BUCKETS, STREAMS};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::common::{Http, Outcome, TOKEN, secret_file, served};
use crate::incoming::{OLD, keys};

const PATIENCE: Duration = Duration::from_secs(30);

async fn connect(server: &NatsServer, name: &str) -> Result<Bus, Box<dyn Error>> {
    let config = Config {
        servers: vec![server.url().into()],
        name: name.to_owned(),
        create_consumers: true,
        replicas: Some(1),
        ..Config::default()
    };
    Ok(Bus::connect(config).await?)
}

async fn start() -> Result<(NatsServer, Bus), Box<dyn Error>> {
    let server = NatsServer::start().await?;
    let bus = connect(&server, "edge").await?;
    bus.provision(Topology::from(STREAMS).with_buckets(BUCKETS)).await?;
    Ok((server, bus))
}

/// Two instances take the same call from many connections at once.
#[tokio::test]
async fn of_many_replays_at_two_instances_one_is_an_event() -> Outcome {
    let (server, bus) = start().await?;
    let other = connect(&server, "edge").await?;
    let (_secret, secret_file) = secret_file(OLD)?;
    let endpoint = Endpoint {
        endpoint_id: "end_paygate".parse()?,
        tenant_id: "ten_1".parse()?,
        system: "paygate".parse()?,
        secret_file,
        kept_headers: Vec::new(),
    };
    let mut instances = Vec::new();
    for bus in [&bus, &other] {
        let incoming = Incoming::new(bus, IncomingConfig::new(vec![endpoint.clone()]));
        instances.push(served(incoming.router(), Limits::default()).await?);
    }
    let call = async |instance: usize, id: &str| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let now = i64::try_from(now).unwrap_or_default();
        let signature = keys(&[OLD]).sign(id, now, b"{}");
        Http::at(instances[instance].address)?
            .with("webhook-id", id)
            .with("webhook-timestamp", now.to_string())
            .with("webhook-signature", signature)
            .post("/webhooks/end_paygate", "{}")
            .await
    };

    let answers = futures_util::future::join_all((0..60).map(|number| call(number % 2, "msg_1"))).await;
    call(0, "msg_last").await?;

    assert_eq!(answers.iter().flatten().filter(|answer| answer.status.as_u16() == 200).count(), 60);
    let (tell, mut told) = mpsc::unbounded_channel();
    let note = move |event: Received<WebhookReceived>| {
        let tell = tell.clone();
        async move { tell.send(event.delivery_id.to_string()).map_err(HandlerError::retry) }
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let consumer = tokio::spawn(bus.consumer("calculator").on(note).run(stopped));
    let mut ids = Vec::new();
    while ids.last().is_none_or(|last| last != "msg_last") {
        ids.push(timeout(PATIENCE, told.recv()).await?.ok_or("the consumer has ended")?);
    }
    drop(stop);
    consumer.await??;
    assert_eq!(ids, ["msg_1", "msg_last"]);
    Ok(())
}

/// A run is killed; another instance goes on, and its rates are delivered to a subscriber over TLS.
#[tokio::test]
async fn rates_come_from_the_tax_service_and_go_to_a_subscriber_over_tls() -> Outcome {
    let (_server, bus) = start().await?;
    let service = PlayedTaxService::start(TOKEN).await?;
    for region in ["de", "fr", "it", "es", "pt"] {
        service.set(region, "VAT", "General", "20", "2026-01-01");
    }
    let (_key, key_file) = secret_file(TOKEN)?;
    let config = TaxConfig { page_size: 2, ..TaxConfig::new("vat-rates-eu".parse()?, service.url(), key_file) };
    let synchronizer = || -> Result<Synchronizer, Box<dyn Error>> {
        Ok(Synchronizer::new(&bus, TaxServiceClient::new(&bus, config.clone())?))
    };

    let killed = timeout(Duration::from_secs(2), synchronizer()?.dying_after(9).run()).await;
    let summary = synchronizer()?.run().await?;

    assert!(killed.is_err());
    assert_eq!((summary.created, summary.pages), (5, 3));
    assert_eq!(bus.bucket::<TaxRateTable>().keys(">").await?.len(), 5);

    let played = PlayedReceiver::start(keys(&[OLD])).await?;
    let (url, authority) = tls::before(&played.url()).await?;
    let (_secret, secret_file) = secret_file(OLD)?;
    let receiver = Receiver {
        endpoint_id: "end_shop".parse()?,
        tenant_id: "ten_1".parse()?,
        url: url.clone(),
        secret_file,
        types: vec!["tax.rates_updated".to_owned()],
    };
    let outgoing = Outgoing::by(HttpClient::trusting([authority])?, &bus, vec![receiver], OutgoingConfig::default())?;
    let mut delivered = bus.subscribe::<WebhookDelivered>().await?;
    let (stop, stopped) = oneshot::channel::<()>();
    let delivering = async {
        timeout(PATIENCE, played.took(5)).await?;
        let first = timeout(PATIENCE, delivered.next()).await?.ok_or("nothing is told")??;
        drop(stop);
        Ok::<_, Box<dyn Error>>(first.url.clone())
    };
    let (ran, told) = tokio::join!(outgoing.run(stopped), delivering);
    ran?;
    assert_eq!(told?, Some(url));
    assert_eq!(played.calls().len(), 5);
    assert!(played.calls().iter().all(|call| call.body.contains("rates_updated")));
    Ok(())
}

/// TLS before a server that has none.
mod tls {
    use std::error::Error;
    use std::sync::Arc;

    use rustls::pki_types::PrivatePkcs8KeyDer;
    use tokio::io::copy_bidirectional;
    use tokio::net::{TcpListener, TcpStream};
    use tokio_rustls::TlsAcceptor;

    /// Where the server is reached over TLS, and the certificate to trust.
    pub(super) async fn before(url: &str) -> Result<(String, Vec<u8>), Box<dyn Error>> {
        let (server, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).ok_or("no address")?;
        let server = server.to_owned();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
        let certificate = made.cert.der().clone();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key.into())?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, server) = (acceptor.clone(), server.clone());
                tokio::spawn(async move {
                    let mut inner = TcpStream::connect(server).await?;
                    copy_bidirectional(&mut acceptor.accept(stream).await?, &mut inner).await
                });
            }
        });
        Ok((format!("https://localhost:{port}/{path}"), certificate.to_vec()))
    }
}
