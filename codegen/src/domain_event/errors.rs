//! Collects every error at its own place, so that they are reported together.

use proc_macro2::TokenStream;
use quote::ToTokens;

/// The errors so far.
#[derive(Debug, Default)]
pub(super) struct Errors {
    errors: Vec<syn::Error>,
    /// What the dependency on the runtime is called, where that is not its own name.
    runtime: Option<String>,
}

impl Errors {
    /// Lets messages name paths as the crate does.
    pub(super) fn name_runtime(&mut self, name: &str) {
        self.runtime = (name != "eventsmith").then(|| name.to_owned());
    }

    /// Adds an error at some tokens.
    pub(super) fn at(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        let message = message.to_string();
        let message = match &self.runtime {
            Some(runtime) => message.replace("eventsmith::", &format!("{runtime}::")),
            None => message,
        };
        self.push(syn::Error::new_spanned(tokens, message));
    }

    pub(super) fn push(&mut self, error: syn::Error) {
        self.errors.push(error);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// One `compile_error!` for each.
    pub(super) fn tokens(&self) -> TokenStream {
        self.errors.iter().map(syn::Error::to_compile_error).collect()
    }

    /// The messages, in order.
    #[cfg(test)]
    pub(super) fn messages(&self) -> Vec<String> {
        self.errors.iter().map(ToString::to_string).collect()
    }
}
