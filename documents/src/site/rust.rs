//! How a payload is used in Rust, in a few lines.

use eventsmith_codegen::model::{Event, Usage, Version};

/// The lines that publish and handle, ask and answer, or keep a payload; `path` is that of its type, `name` the last step of it.
pub(super) fn lines(event: &Event, version: &Version, path: &str, name: &str, has_refusals: bool) -> String {
    let import = format!("use {path};\n\n");
    let code = match event.kind.usage() {
        Usage::Event => {
            let publish = match &version.aggregate {
                Some(aggregate) => format!(
                    "// An event of the aggregate {aggregate}: it is appended to a history, never published alone.\n\
                     aggregates.execute(&id, |state: &MyState| Ok::<_, MyError>(vec![{name} {{ .. }}.into()])).await?;\n"
                ),
                None => format!("bus.publish(&{name} {{ .. }}).await?;\n"),
            };
            format!(
                "{publish}bus.consumer(\"my-service\").on(handle).run(shutdown_signal()).await?;\n\n\
                 async fn handle(event: Received<{name}>) -> Result<(), HandlerError> {{ .. }}\n"
            )
        }
        Usage::Request => {
            let reply = if version.reply.is_some() { format!("{name}Reply") } else { "NoReply".to_owned() };
            let refusal = if has_refusals { format!("{name}Error") } else { "NoRefusal".to_owned() };
            format!(
                "let reply = bus.request(&{name} {{ .. }}).await?;\n\
                 bus.service(\"my-service\").answer(answer).run(shutdown_signal()).await?;\n\n\
                 async fn answer(request: Received<{name}>) -> Result<{reply}, Refusal<{refusal}>> {{ .. }}\n"
            )
        }
        Usage::Document => format!(
            "let bucket = bus.bucket::<{name}>();\n\
             bucket.put(\"key\", &{name} {{ .. }}).await?;\n\
             let found = bucket.get(\"key\").await?;\n"
        ),
    };
    format!("{import}{code}")
}
