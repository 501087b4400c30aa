//! Whom the demo tells of its alerts: receivers within the process, and one silence.

use std::net::SocketAddr;
use std::time::Duration;

use crate::alerting::{AlertingConfig, SilenceRequest, matchers};
use crate::base::error::{Error, Result};
use crate::config::{self, Config};
use crate::model::time::TimestampMs;

/// How long the silence lasts.
const SILENT: Duration = Duration::from_secs(7_200);

/// Lets the receivers at `address` be told, unless the configuration names some itself.
///
/// # Errors
/// `Internal` for faults of the demo's own text, of which there are none.
pub(super) fn configure(config: &mut Config, address: SocketAddr) -> Result<()> {
    if config.alerting.receivers.iter().any(|receiver| !receiver.integrations.is_empty()) {
        return Ok(());
    }
    config.alerting = receivers(address)?;
    Ok(())
}

fn receivers(address: SocketAddr) -> Result<AlertingConfig> {
    let text = format!(
        "\
route:
  receiver: nobody
  group_by: [alertname]
  group_wait: 5s
  group_interval: 30s
  routes:
  - {{matchers: [category=\"demo\", severity=\"critical\"], receiver: on-call}}
  - {{matchers: [category=\"demo\"], receiver: team-chat}}
receivers:
- name: nobody
- name: on-call
  webhook_configs: [{{url: 'http://{address}/notify/on-call'}}]
- name: team-chat
  slack_configs: [{{api_url: 'http://{address}/notify/team-chat', channel: '#shop'}}]
"
    );
    let read = config::read_alertmanager("the demo's receivers", &text);
    read.map_err(|faults| Error::internal(faults.to_string()))
}

/// A silence, as a person would leave it who knows of the cart's memory.
///
/// # Errors
/// `Internal` for a matcher that is none.
pub(super) fn silence(now_ms: i64) -> Result<SilenceRequest> {
    let matchers = matchers::parse("alertname=\"CartMemoryHigh\"").map_err(Error::internal)?;
    let length = i64::try_from(SILENT.as_millis()).unwrap_or(0);
    Ok(SilenceRequest {
        id: None,
        matchers,
        starts_at: TimestampMs(now_ms),
        ends_at: TimestampMs(now_ms.saturating_add(length)),
        created_by: "demo".to_owned(),
        comment: "known: the next release of the cart repairs its leak".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::labels::Labels;

    #[test]
    fn critical_alerts_of_the_shop_go_to_on_call_and_those_of_the_machine_to_nobody() {
        let config = receivers(SocketAddr::from(([127, 0, 0, 1], 9))).unwrap();
        let told = |severity: &str, category: &str| {
            let labels = [("alertname", "A"), ("severity", severity), ("category", category)];
            config.route.receivers_of(&Labels::from_pairs(labels))
        };
        assert_eq!(told("critical", "demo"), ["on-call"]);
        assert_eq!(told("warning", "demo"), ["team-chat"]);
        assert_eq!(told("critical", "infrastructure"), ["nobody"]);
    }

    #[test]
    fn the_silence_begins_at_once_and_ends() {
        let silence = silence(1_000).unwrap();
        assert_eq!((silence.starts_at.0, silence.ends_at.0), (1_000, 7_201_000));
        assert_eq!(silence.matchers.len(), 1);
    }
}
