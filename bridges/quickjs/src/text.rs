//! Text of any value, for messages.

use rquickjs::Value as Js;
use rquickjs::prelude::This;

use crate::enter::Entered;

impl<'js> Entered<'_, 'js> {
    /// What `String(value)` gives, lone surrogates replaced. Where that throws, a text that says
    /// so: a message is never the reason why an error is lost.
    pub(crate) fn text_of(&self, value: &Js<'js>) -> String {
        self.try_text_of(value).unwrap_or_else(|_| {
            self.ctx.catch();
            "(a value without text)".to_owned()
        })
    }

    fn try_text_of(&self, value: &Js<'js>) -> rquickjs::Result<String> {
        let intrinsics = &self.engine.intrinsics;
        let string = intrinsics.string.clone().restore(&self.ctx)?;
        let text: rquickjs::String = string.call((value.clone(),))?;
        match text.to_string() {
            Err(rquickjs::Error::Utf8(_)) => {
                let to_well_formed = intrinsics.to_well_formed.clone().restore(&self.ctx)?;
                to_well_formed.call((This(text),))
            }
            text => text,
        }
    }

    /// The text of a property, or nothing where it is missing or its getter throws.
    pub(crate) fn property_text(
        &self,
        object: &rquickjs::Object<'js>,
        name: &str,
    ) -> Option<String> {
        match object.get::<_, Js>(name) {
            Ok(value) if value.is_undefined() => None,
            Ok(value) => Some(self.text_of(&value)),
            Err(_) => {
                self.ctx.catch();
                None
            }
        }
    }
}
