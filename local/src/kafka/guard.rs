//! A node that lets nobody in without credentials, and lets those in do only what they were granted.
//!
//! Clients come by TLS, with a password (SCRAM) or with a certificate of their own; either way the login has the same
//! name. The node's own traffic and the administrator's, on the loopback address alone, have a password in plain text.

use std::fs;
use std::path::{Path, PathBuf};

use rdkafka::ClientConfig;
use uuid::Uuid;

use crate::certificates::{Authority, Certificate, HOST};
use crate::error::Error;
use crate::kafka::node::Addresses;
use crate::port;

/// Whom the node lets do everything.
const ADMINISTRATOR: &str = "administrator";
const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule";
const SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule";
/// How passwords are proven without being sent.
pub const MECHANISM: &str = "SCRAM-SHA-512";

/// Who may come in, and where.
#[derive(Clone, Debug)]
pub struct Guard {
    /// The logins that have a password, which is the same for all.
    logins: Vec<String>,
    /// Their password, and the administrator's.
    password: String,
    /// Key and certificate in one file, as Java wants them.
    key_store: PathBuf,
    authority: PathBuf,
    /// For clients with a password.
    password_port: u16,
    /// For clients with a certificate.
    certificate_port: u16,
}

impl Guard {
    /// The node shows `certificate` and trusts those of `authority`. `logins` may come with a password. `folder` takes
    /// what the node must read.
    ///
    /// # Errors
    /// When the certificate can't be read or copied.
    pub fn new(
        certificate: &Certificate,
        authority: &Authority,
        logins: &[&str],
        folder: &Path,
    ) -> Result<Guard, Error> {
        let read = |path: &PathBuf| fs::read_to_string(path).map_err(Error::file("read", path));
        let both = read(&certificate.key)? + &read(&certificate.chain)?;
        let key_store = folder.join("kafka-node.pem");
        fs::write(&key_store, both).map_err(Error::file("write", &key_store))?;
        Ok(Guard {
            logins: logins.iter().map(|&login| login.to_owned()).collect(),
            password: Uuid::new_v4().simple().to_string(),
            key_store,
            authority: authority.own.chain.clone(),
            password_port: port::free(),
            certificate_port: port::free(),
        })
    }

    /// The password of every login.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The port for clients with a password, `security.protocol=sasl_ssl`.
    pub fn password_port(&self) -> u16 {
        self.password_port
    }

    /// The port for clients with a certificate, `security.protocol=ssl`.
    pub fn certificate_port(&self) -> u16 {
        self.certificate_port
    }

    /// What the administrator's clients need, in Kafka's own names, which are also librdkafka's.
    pub fn administrator(&self) -> [(&'static str, String); 4] {
        [
            ("security.protocol", "SASL_PLAINTEXT".to_owned()),
            ("sasl.mechanism", "PLAIN".to_owned()),
            ("sasl.username", ADMINISTRATOR.to_owned()),
            ("sasl.password", self.password.clone()),
        ]
    }

    /// The same for Kafka's own tools, which want them in other words.
    pub fn administrators_tools(&self) -> String {
        let Guard { password, .. } = self;
        format!(
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n\
             sasl.jaas.config={PLAIN} required username=\"{ADMINISTRATOR}\" password=\"{password}\";\n"
        )
    }

    /// Arguments for formatting the node's folder, where passwords are kept.
    pub(super) fn format_arguments(&self) -> impl Iterator<Item = String> {
        self.logins.iter().flat_map(|login| {
            let credentials = format!("{MECHANISM}=[name={login},password={}]", self.password);
            ["--add-scram".to_owned(), credentials]
        })
    }

    /// Properties that come after the others and win.
    pub(super) fn properties(&self, own: Addresses) -> String {
        let Guard { password, password_port, certificate_port, .. } = self;
        let Addresses { clients, controller, .. } = own;
        let login = format!(
            "{PLAIN} required username=\"{ADMINISTRATOR}\" password=\"{password}\" user_{ADMINISTRATOR}=\"{password}\";"
        );
        format!(
            "listeners=INTERNAL://127.0.0.1:{clients},PASSWORD://127.0.0.1:{password_port},\
             CERTIFICATE://127.0.0.1:{certificate_port},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=INTERNAL://127.0.0.1:{clients},PASSWORD://{HOST}:{password_port},\
             CERTIFICATE://{HOST}:{certificate_port}\n\
             listener.security.protocol.map=INTERNAL:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT,PASSWORD:SASL_SSL,\
             CERTIFICATE:SSL\n\
             inter.broker.listener.name=INTERNAL\n\
             sasl.mechanism.inter.broker.protocol=PLAIN\n\
             sasl.mechanism.controller.protocol=PLAIN\n\
             listener.name.internal.sasl.enabled.mechanisms=PLAIN\n\
             listener.name.internal.plain.sasl.jaas.config={login}\n\
             listener.name.controller.sasl.enabled.mechanisms=PLAIN\n\
             listener.name.controller.plain.sasl.jaas.config={login}\n\
             listener.name.password.sasl.enabled.mechanisms={MECHANISM}\n\
             listener.name.password.{mechanism}.sasl.jaas.config={SCRAM} required;\n\
             listener.name.certificate.ssl.client.auth=required\n\
             ssl.principal.mapping.rules=RULE:^CN=(.*)$/$1/,DEFAULT\n\
             ssl.keystore.type=PEM\n\
             ssl.keystore.location={key_store}\n\
             ssl.truststore.type=PEM\n\
             ssl.truststore.location={authority}\n\
             authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
             allow.everyone.if.no.acl.found=false\n\
             super.users=User:{ADMINISTRATOR}\n",
            mechanism = MECHANISM.to_lowercase(),
            key_store = self.key_store.display(),
            authority = self.authority.display(),
        )
    }

    /// A client of the administrator's, at `bootstrap_servers`.
    pub(super) fn client(guard: Option<&Guard>, bootstrap_servers: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", bootstrap_servers);
        for (name, value) in guard.into_iter().flat_map(Guard::administrator) {
            config.set(name, value);
        }
        config
    }
}
