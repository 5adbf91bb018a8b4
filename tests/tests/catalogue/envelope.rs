//! The envelope on the wire is the one that the catalogue describes.

use eventsmith::admin::BusAdmin;
use eventsmith::{Bus, PublishOptions};
use rules_events::evaluation::EvaluationStarted;
use serde_json::{Map, Value, json};

/// An event from the first example of its schema.
fn started() -> Result<EvaluationStarted, Box<dyn std::error::Error>> {
    let schema: Value = serde_json::from_str(<EvaluationStarted as eventsmith::Event>::SCHEMA)?;
    Ok(serde_json::from_value(schema["examples"][0].clone())?)
}

#[tokio::test]
async fn what_is_published_is_an_envelope_as_the_catalogue_describes_it() -> Result<(), Box<dyn std::error::Error>> {
    let schema: Value = serde_json::from_str(include_str!("../../../schemas/envelope.v1.json"))?;
    let validator = jsonschema::options().should_validate_formats(true).offline().build(&schema)?;
    let bus = Bus::in_memory();
    bus.provision(rules_events::STREAMS).await?;
    let metadata: Map<String, Value> =
        serde_json::from_value(json!({"source": "tests", "environment": "ci", "user_id": "u1", "more": [1]}))?;
    let full = PublishOptions {
        correlation_id: Some("order-5521".to_owned()),
        causation_id: Some("cause-1".to_owned()),
        metadata,
        ..PublishOptions::default()
    };

    bus.publish(&started()?).await?;
    bus.publish_with(&started()?, full).await?;

    let published = bus.published();
    assert_eq!(published.len(), 2);
    for message in published {
        let envelope: Value = serde_json::from_slice(&message.payload)?;
        let errors: Vec<String> = validator.iter_errors(&envelope).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{envelope}");
        assert_eq!(envelope["type"], "evaluation.started");
        assert_eq!(envelope["subject"], "rules.domain.evaluation.started");
        assert_eq!(envelope["data"], serde_json::to_value(started()?)?);
    }
    Ok(())
}
