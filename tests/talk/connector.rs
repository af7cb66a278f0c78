//! How tokio-xmpp reaches a server of ours.

use futures::{SinkExt, StreamExt};
use sasl::common::ChannelBinding;
use std::sync::Arc;
use tokio::io::BufStream;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_xmpp::connect::ServerConnector;
use tokio_xmpp::error::ProtocolError;
use tokio_xmpp::jid::Jid;
use tokio_xmpp::parsers::starttls;
use tokio_xmpp::xmlstream::{PendingFeaturesRecv, StreamHeader, Timeouts, XmppStreamElement, initiate_stream};

/// STARTTLS to an address of our choosing, with trust in the server's own CA only.
#[derive(Clone, Debug)]
pub struct Connector {
    pub address: std::net::SocketAddr,
    pub tls: Arc<ClientConfig>,
}

impl ServerConnector for Connector {
    type Stream = BufStream<TlsStream<TcpStream>>;

    async fn connect(
        &self,
        jid: &Jid,
        ns: &'static str,
        timeouts: Timeouts,
    ) -> Result<(PendingFeaturesRecv<Self::Stream>, ChannelBinding), tokio_xmpp::Error> {
        let header = || StreamHeader {
            to: Some(jid.domain().as_str().to_owned().into()),
            from: None,
            id: None,
        };
        let tcp = BufStream::new(TcpStream::connect(self.address).await?);
        let (features, mut stream) = initiate_stream(tcp, ns, header(), timeouts)
            .await?
            .recv_features::<XmppStreamElement>()
            .await?;
        if !features.can_starttls() {
            return Err(ProtocolError::NoTls.into());
        }
        stream
            .send(&XmppStreamElement::Starttls(starttls::Nonza::Request(
                starttls::Request,
            )))
            .await?;
        match stream.next().await {
            Some(Ok(XmppStreamElement::Starttls(starttls::Nonza::Proceed(_)))) => {}
            _ => return Err(ProtocolError::NoTls.into()),
        }
        let name = ServerName::try_from(jid.domain().as_str().to_owned()).expect("a DNS name");
        let tls = tokio_rustls::TlsConnector::from(self.tls.clone()).connect(name, stream.into_inner().into_inner());
        let tls = tls.await?;
        let exported = tls
            .get_ref()
            .1
            .export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", None);
        let binding = ChannelBinding::TlsExporter(exported.expect("TLS 1.3"));
        Ok((
            initiate_stream(BufStream::new(tls), ns, header(), timeouts).await?,
            binding,
        ))
    }
}
