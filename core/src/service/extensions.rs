//! Values that layers and handlers attach to a request.

use core::any::{Any, TypeId};
use core::fmt;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

type Values = BTreeMap<TypeId, Box<dyn Any + Send + Sync>>;

/// At most one value of each type. Costs nothing until something is put in.
#[derive(Default)]
pub struct Extensions(Option<Box<Values>>);

impl Extensions {
    /// Puts a value in and returns the one of the same type that was there.
    pub fn insert<T: Send + Sync + 'static>(&mut self, value: T) -> Option<T> {
        let values = self.0.get_or_insert_default();
        let before = values.insert(TypeId::of::<T>(), Box::new(value))?;
        before.downcast().ok().map(|value| *value)
    }

    /// Returns the value of this type.
    pub fn get<T: 'static>(&self) -> Option<&T> {
        self.0.as_ref()?.get(&TypeId::of::<T>())?.downcast_ref()
    }

    /// Returns the value of this type, to be changed.
    pub fn get_mut<T: 'static>(&mut self) -> Option<&mut T> {
        self.0.as_mut()?.get_mut(&TypeId::of::<T>())?.downcast_mut()
    }

    /// Takes the value of this type out.
    pub fn remove<T: 'static>(&mut self) -> Option<T> {
        let value = self.0.as_mut()?.remove(&TypeId::of::<T>())?;
        value.downcast().ok().map(|value| *value)
    }
}

impl Extensions {
    /// Drops all values.
    #[inline]
    pub(super) fn clear(&mut self) {
        if self.0.is_some() {
            self.0 = None;
        }
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extensions").field("len", &self.0.as_ref().map_or(0, |values| values.len())).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_a_type() {
        let mut extensions = Extensions::default();
        assert_eq!(extensions.insert(1_u8), None);
        assert_eq!(extensions.insert(2_u8), Some(1));
        assert_eq!(extensions.insert("text"), None);
        *extensions.get_mut::<u8>().unwrap() += 1;
        assert_eq!((extensions.get::<u8>(), extensions.get::<u16>()), (Some(&3), None));
        assert_eq!((extensions.remove::<u8>(), extensions.remove::<u8>()), (Some(3), None));
    }
}
