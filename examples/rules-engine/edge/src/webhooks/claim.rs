//! Which calls were taken on: by whoever comes first, under the sender's own id.

use data_encoding::HEXLOWER;
use eventsmith::bucket::BucketError;
use eventsmith::{Bus, DateTime, Uuid};
use ring::digest::{self, SHA256};
use rules_events::common::{DeliveryId, EndpointId};
use rules_events::webhook::{WebhookCall, WebhookCallStage};

/// What became of a claim.
#[derive(Debug)]
pub(super) enum Claim {
    /// The event of the call is to be published, under this id. Others may do so at the same time; the stream stores one.
    Ours(Box<Claimed>),
    /// The event is stored.
    Done,
    /// The id was used for another body.
    Other,
}

/// A claim that is not done.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) event_id: Uuid,
    key: String,
    call: WebhookCall,
    revision: u64,
}

/// Claims a call.
pub(super) async fn claim(
    bus: &Bus,
    endpoint: &EndpointId,
    delivery: &DeliveryId,
    body: &[u8],
) -> Result<Claim, BucketError> {
    let key = format!("{endpoint}.{delivery}");
    let event_id = event_id(&key);
    let call = WebhookCall {
        endpoint_id: endpoint.clone(),
        delivery_id: delivery.clone(),
        event_id,
        body_sha256: HEXLOWER.encode(digest::digest(&SHA256, body).as_ref()),
        stage: WebhookCallStage::Claimed,
        claimed_at: DateTime::now(),
    };
    let calls = bus.bucket::<WebhookCall>();
    let found = match calls.create(&key, &call).await {
        Ok(revision) => return Ok(Claim::Ours(Box::new(Claimed { event_id, key, call, revision }))),
        Err(BucketError::Conflict { .. }) => calls.get(&key).await?,
        Err(error) => return Err(error),
    };
    let Some(found) = found else {
        // It was forgotten in this very moment: the sender comes again, and finds nothing.
        return Ok(Claim::Ours(Box::new(Claimed { event_id, key, call, revision: 0 })));
    };
    if found.body_sha256 != call.body_sha256 {
        return Ok(Claim::Other);
    }
    if found.stage == WebhookCallStage::Published {
        return Ok(Claim::Done);
    }
    let revision = found.revision;
    Ok(Claim::Ours(Box::new(Claimed { event_id, key, call: found.into_value(), revision })))
}

impl Claimed {
    /// Notes that the event is stored. Where that fails it is stored all the same, and a later call finds that out.
    pub(super) async fn done(self, bus: &Bus) {
        let call = WebhookCall { stage: WebhookCallStage::Published, ..self.call };
        match bus.bucket::<WebhookCall>().update(&self.key, &call, self.revision).await {
            Ok(_) | Err(BucketError::Conflict { .. }) => {}
            Err(error) => tracing::warn!(%error, call = self.key, "it is not noted that a webhook was received"),
        }
    }
}

/// The id of the event that a call becomes: the same for all who try. (A UUID of version 8, RFC 9562, 5.8.)
fn event_id(key: &str) -> Uuid {
    crate::derived::uuid(&["webhook.received", key])
}
