//! E-mail through a relay: implicit TLS on port 465, STARTTLS where it is offered or demanded, in
//! the clear for local relays.

use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailboxes, Message as Mail, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use crate::alerting::config::EmailConfig;
use crate::alerting::receivers::{Delivery, Notifier, Texts, with_faults};
use crate::alerting::template::Rendering;
use crate::base::error::{Error, ErrorKind, Result};

/// How long the relay may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The port on which TLS comes first.
const IMPLICIT_TLS: u16 = 465;

/// Sends through one relay.
pub(crate) struct Email {
    config: EmailConfig,
    relay: AsyncSmtpTransport<Tokio1Executor>,
    texts: Texts,
}

impl Email {
    /// Prepares the relay's client.
    ///
    /// # Errors
    /// `InvalidInput` for certificates that cannot be read.
    pub(crate) fn new(config: EmailConfig, texts: Texts) -> Result<Self> {
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
            .port(config.port)
            .hello_name(ClientId::Domain(config.hello.clone()))
            .timeout(Some(TIMEOUT))
            .tls(tls(&config)?);
        if let Some((user, password)) = &config.login {
            let credentials = Credentials::new(user.clone(), password.expose().to_owned());
            let mechanisms = vec![Mechanism::Plain, Mechanism::Login];
            builder = builder.credentials(credentials).authentication(mechanisms);
        }
        let relay = builder.build();
        Ok(Email { config, relay, texts })
    }

    /// Returns the mail and what did not render.
    fn mail(&self, delivery: &Delivery<'_>) -> Result<(Mail, Vec<String>)> {
        let Texts { templates, external_url } = &self.texts;
        let mut rendering = Rendering::new(templates, delivery.message, external_url, delivery.now);
        let from = mailboxes("from", &rendering.text("from", &self.config.from, "__nothing"))?;
        let to = mailboxes("to", &rendering.text("to", &self.config.to, "__nothing"))?;
        let sender = from.iter().next().map(|one| one.email.clone());
        let sent_at = u64::try_from(delivery.now.0).unwrap_or(0);
        let id = format!("<{}.{}@{}>", delivery.queued_at.0, delivery.id, self.config.hello);
        let recipients = to.iter().map(|one| one.email.clone()).collect();
        let wrong = |error: &dyn std::fmt::Display| Error::invalid(format!("not a mail: {error}"));
        let envelope = Envelope::new(sender, recipients).map_err(|error| wrong(&error))?;
        let mut builder = Mail::builder()
            .mailbox(lettre::message::header::From::from(from))
            .mailbox(lettre::message::header::To::from(to))
            .date(UNIX_EPOCH + Duration::from_millis(sent_at))
            .message_id(Some(id))
            .envelope(envelope);
        for (name, text) in &self.config.headers {
            let text = rendering.text(name, text, "__subject");
            // A line break would begin another header.
            let text = text.replace(['\r', '\n'], " ");
            let named = HeaderName::new_from_ascii(name.clone()).map_err(|error| wrong(&error))?;
            builder = builder.raw_header(HeaderValue::new(named, text.trim().to_owned()));
        }
        let html = rendering.html("html", &self.config.html, "email.default.html");
        let text = rendering.text("text", &self.config.text, "email.default.text");
        let mail = match (html.is_empty(), text.is_empty()) {
            (false, false) => builder.multipart(MultiPart::alternative_plain_html(text, html)),
            (false, true) => builder.singlepart(SinglePart::html(html)),
            (true, _) => builder.singlepart(SinglePart::plain(text)),
        };
        Ok((mail.map_err(|error| wrong(&error))?, rendering.faults()))
    }
}

/// Where credentials would travel in the clear to another machine, TLS is demanded.
fn tls(config: &EmailConfig) -> Result<Tls> {
    let wrong = |what: &str| Error::invalid(format!("{what} cannot be used"));
    let mut builder = TlsParameters::builder(config.host.clone());
    if let Some(pem) = &config.tls.ca {
        let certificate = Certificate::from_pem(pem).map_err(|_| wrong("tls_config.ca"))?;
        builder = builder.add_root_certificate(certificate);
    }
    let parameters = builder
        .dangerous_accept_invalid_certs(config.tls.accept_any)
        .build()
        .map_err(|_| wrong("tls_config"))?;
    let is_local = matches!(config.host.as_str(), "localhost" | "127.0.0.1" | "::1");
    Ok(if config.port == IMPLICIT_TLS {
        Tls::Wrapper(parameters)
    } else if config.require_tls || (config.login.is_some() && !is_local) {
        Tls::Required(parameters)
    } else {
        Tls::Opportunistic(parameters)
    })
}

fn mailboxes(key: &str, text: &str) -> Result<Mailboxes> {
    text.parse().map_err(|error| Error::invalid(format!("{key}: {text:?}: {error}")))
}

#[async_trait]
impl Notifier for Email {
    async fn notify(&self, delivery: &Delivery<'_>) -> Result<String> {
        let (mail, faults) = self.mail(delivery)?;
        let answer = self.relay.send(mail).await.map_err(|error| refused(&error))?;
        let said: Vec<&str> = answer.message().collect();
        Ok(with_faults(format!("{} {}", answer.code(), said.join(" ")), faults))
    }
}

fn refused(error: &lettre::transport::smtp::Error) -> Error {
    let kind = if error.is_permanent() {
        ErrorKind::InvalidInput
    } else if error.is_timeout() {
        ErrorKind::Timeout
    } else {
        ErrorKind::Unavailable
    };
    Error::new(kind, format!("the relay did not take the mail: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerting::config::NotifierConfig;
    use crate::alerting::config::tests::read_well;
    use crate::alerting::message::tests::message;
    use crate::model::time::TimestampMs;

    fn email(extra: &str) -> Email {
        let config = read_well(&format!(
            "route: {{receiver: s}}\nreceivers:\n  - name: s\n    email_configs:\n      - \
             {{to: 'Ann <a@x.org>, b@x.org', from: 'alerts@x.org', smarthost: 'localhost:25', \
             {extra}}}\n"
        ));
        let NotifierConfig::Email(email) = &config.receivers[0].integrations[0].notifier else {
            panic!("no e-mail");
        };
        let external_url = "http://b".to_owned();
        let texts = Texts { templates: config.templates.clone(), external_url };
        Email::new((**email).clone(), texts).unwrap()
    }

    fn mail(extra: &str) -> String {
        let message = message(&[("A", false)]);
        let now = TimestampMs(90_000);
        let delivery = Delivery { id: 7, message: &message, queued_at: now, now };
        let (mail, faults) = email(extra).mail(&delivery).unwrap();
        assert_eq!(faults, Vec::<String>::new());
        String::from_utf8(mail.formatted()).unwrap()
    }

    #[test]
    fn a_mail_has_both_bodies_all_recipients_and_an_id_that_stays() {
        let mail = mail("headers: {X-Team: '{{ .GroupLabels.job }}'}");
        for part in [
            "From: alerts@x.org",
            "To: Ann <a@x.org>, b@x.org",
            "Subject: FIRING (1): x (A)",
            "X-Team: x",
            "Message-ID: <90000.7@localhost>",
            "multipart/alternative",
            "text/plain",
            "text/html",
        ] {
            assert!(mail.contains(part), "{part:?} is missing in {mail}");
        }
    }

    #[test]
    fn a_text_from_outside_cannot_begin_another_header() {
        let mail = mail("headers: {Subject: \"a\\r\\nBcc: evil@x.org\"}, html: '', text: t");
        assert!(!mail.lines().any(|line| line.starts_with("Bcc:")), "{mail}");
    }

    #[test]
    fn tls_is_demanded_where_credentials_would_travel_in_the_clear() {
        let kind = |extra: &str| match tls(&email(extra).config).unwrap() {
            Tls::None => "none",
            Tls::Opportunistic(_) => "offered",
            Tls::Required(_) => "demanded",
            Tls::Wrapper(_) => "first",
        };
        assert_eq!(kind("require_tls: false"), "offered");
        assert_eq!(kind("hello: x"), "demanded");
        let mut remote = email("require_tls: false, auth_username: u, auth_password: p").config;
        assert!(matches!(tls(&remote), Ok(Tls::Opportunistic(_))));
        remote.host = "mail.example.org".to_owned();
        assert!(matches!(tls(&remote), Ok(Tls::Required(_))));
        remote.port = 465;
        assert!(matches!(tls(&remote), Ok(Tls::Wrapper(_))));
    }
}
