//! [`Toy`]: a small object model with prototypes, arrays, functions, classes and getters, and the
//! global object that the cases ask for.

use std::cell::{OnceCell, RefCell};
use std::hash::{Hash, Hasher};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use trapline::{Caller, Key, Kind, Link, LinkError, Local, Outcome, Reflect, Thrown, Trap, Value};

/// A value of the model.
pub(crate) type Val = Value<Obj>;
/// Code of the host: the model, `this` and the arguments.
type Native = Rc<dyn Fn(&Toy, &Val, &[Val]) -> Outcome<Obj>>;

/// How many objects were made and dropped.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    made: AtomicUsize,
    dropped: AtomicUsize,
}

impl Ledger {
    pub(crate) fn made(&self) -> usize {
        self.made.load(SeqCst)
    }

    pub(crate) fn living(&self) -> usize {
        let dropped = self.dropped.load(SeqCst);
        self.made().checked_sub(dropped).expect("dropped once each")
    }
}

/// An object, held: clones are the same object.
#[derive(Clone)]
pub(crate) struct Obj(Rc<Node>);

impl PartialEq for Obj {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Obj {}

impl Hash for Obj {
    fn hash<S: Hasher>(&self, state: &mut S) {
        Rc::as_ptr(&self.0).hash(state);
    }
}

struct Node {
    properties: RefCell<Vec<(String, Property)>>,
    /// The items of an array.
    items: Option<RefCell<Vec<Val>>>,
    prototype: Option<Obj>,
    call: Option<Native>,
    construct: Option<Native>,
    ledger: Arc<Ledger>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.ledger.dropped.fetch_add(1, SeqCst);
    }
}

#[derive(Clone)]
enum Property {
    Plain(Val),
    Getter(Native),
}

/// What an object is made of.
#[derive(Default)]
struct Parts {
    items: Option<Vec<Val>>,
    prototype: Option<Obj>,
    call: Option<Native>,
    construct: Option<Native>,
}

/// The host.
pub(crate) struct Toy {
    global: OnceCell<Obj>,
    ledger: Arc<Ledger>,
    /// Names of the functions that run.
    stack: RefCell<Vec<String>>,
    remembered: RefCell<Val>,
    local: OnceCell<Weak<Local<Toy>>>,
    link: Link,
}

/// A local that serves a toy, which knows its local.
pub(crate) fn local(link: Link, ledger: Arc<Ledger>) -> Result<Rc<Local<Toy>>, LinkError> {
    let local = Rc::new(Local::new(link.clone(), Toy::new(link, ledger))?);
    let _ = local.host().local.set(Rc::downgrade(&local));
    Ok(local)
}

impl Toy {
    fn new(link: Link, ledger: Arc<Ledger>) -> Self {
        let toy = Self {
            global: OnceCell::new(),
            ledger,
            stack: RefCell::default(),
            remembered: RefCell::new(Value::Undefined),
            local: OnceCell::new(),
            link,
        };
        let _ = toy.global.set(globals(&toy));
        toy
    }

    fn make(&self, parts: Parts) -> Obj {
        let Parts { items, prototype, call, construct } = parts;
        self.ledger.made.fetch_add(1, SeqCst);
        Obj(Rc::new(Node {
            properties: RefCell::default(),
            items: items.map(RefCell::new),
            prototype,
            call,
            construct,
            ledger: self.ledger.clone(),
        }))
    }

    fn object(&self) -> Obj {
        self.make(Parts::default())
    }

    fn array(&self, items: Vec<Val>) -> Obj {
        self.make(Parts { items: Some(items), ..Parts::default() })
    }

    fn function(
        &self,
        name: &str,
        code: impl Fn(&Toy, &Val, &[Val]) -> Outcome<Obj> + 'static,
    ) -> Obj {
        let function = self.make(Parts { call: Some(Rc::new(code)), ..Parts::default() });
        function.put("name", name.into());
        function
    }

    fn class(
        &self,
        name: &str,
        code: impl Fn(&Toy, &Val, &[Val]) -> Outcome<Obj> + 'static,
    ) -> Obj {
        let refuse: Native =
            Rc::new(|toy, _, _| Err(toy.thrown("TypeError", "a class needs construct")));
        let parts =
            Parts { call: Some(refuse), construct: Some(Rc::new(code)), ..Parts::default() };
        let class = self.make(parts);
        class.put("name", name.into());
        class.put("prototype", Value::Reference(self.object()));
        class
    }

    /// An error of this model: an object with a name and a message, and where it was thrown.
    fn thrown(&self, name: &str, message: &str) -> Thrown<Obj> {
        let error = self.object();
        error.put("message", message.into());
        let stack: Vec<String> =
            self.stack.borrow().iter().rev().map(|name| format!("  at {name}")).collect();
        let value = Value::Reference(error);
        Thrown { name: name.into(), message: message.into(), stack: stack.join("\n"), value }
    }

    fn run(&self, code: &Native, name: &str, this: &Val, args: &[Val]) -> Outcome<Obj> {
        self.stack.borrow_mut().push(name.to_owned());
        let outcome = code(self, this, args);
        self.stack.borrow_mut().pop();
        outcome
    }

    fn local(&self) -> Rc<Local<Toy>> {
        self.local.get().and_then(Weak::upgrade).expect("served")
    }
}

impl Obj {
    fn put(&self, key: &str, value: Val) {
        self.define(key, Property::Plain(value));
    }

    fn define(&self, key: &str, property: Property) {
        let mut properties = self.0.properties.borrow_mut();
        match properties.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = property,
            None => properties.push((key.to_owned(), property)),
        }
    }

    /// The property, own or of a prototype.
    fn find(&self, key: &str) -> Option<Property> {
        let own = self.0.properties.borrow().iter().find(|(name, _)| name == key).cloned();
        own.map(|(_, property)| property).or_else(|| self.0.prototype.as_ref()?.find(key))
    }

    fn name(&self) -> String {
        match self.find("name") {
            Some(Property::Plain(Value::String(name))) => name,
            _ => "?".to_owned(),
        }
    }
}

impl Reflect for Toy {
    type Object = Obj;

    fn global(&self, _: &Caller) -> Outcome<Obj> {
        Ok(Value::Reference(self.global.get().expect("made").clone()).into())
    }

    fn kind(&self, object: &Obj) -> Kind {
        match &*object.0 {
            Node { call: Some(_), .. } => Kind::Function,
            Node { items: Some(_), .. } => Kind::Array,
            _ => Kind::Object,
        }
    }

    fn get(&self, _: &Caller, target: &Obj, key: Key<'_>) -> Outcome<Obj> {
        if let (Some(items), Key::Index(index)) = (&target.0.items, key) {
            let item = items.borrow().get(index as usize).cloned();
            return Ok(item.unwrap_or(Value::Undefined).into());
        }
        let key = key.to_string();
        if let (Some(items), "length") = (&target.0.items, key.as_str()) {
            return Ok(Value::Number(items.borrow().len() as f64).into());
        }
        match target.find(&key) {
            Some(Property::Plain(value)) => Ok(value.into()),
            Some(Property::Getter(code)) => {
                self.run(&code, &format!("get {key}"), &Value::Reference(target.clone()), &[])
            }
            None => Ok(Value::Undefined.into()),
        }
    }

    fn set(&self, _: &Caller, target: &Obj, key: Key<'_>, value: Val) -> Result<bool, Thrown<Obj>> {
        match (&target.0.items, key) {
            (Some(items), Key::Index(index)) => {
                let mut items = items.borrow_mut();
                if index as usize >= items.len() {
                    items.resize(index as usize + 1, Value::Undefined);
                }
                items[index as usize] = value;
                Ok(true)
            }
            (_, key) => {
                let key = key.to_string();
                if matches!(target.find(&key), Some(Property::Getter(_))) {
                    return Ok(false);
                }
                target.put(&key, value);
                Ok(true)
            }
        }
    }

    fn apply(&self, _: &Caller, target: &Obj, this: Val, args: Vec<Val>) -> Outcome<Obj> {
        match &target.0.call {
            Some(code) => self.run(code, &target.name(), &this, &args),
            None => Err(self.thrown("TypeError", "not a function")),
        }
    }

    fn construct(&self, _: &Caller, target: &Obj, args: Vec<Val>) -> Outcome<Obj> {
        match &target.0.construct {
            Some(code) => self.run(code, &target.name(), &Value::Undefined, &args),
            None => Err(self.thrown("TypeError", "not a constructor")),
        }
    }
}

fn number(args: &[Val], index: usize) -> f64 {
    args.get(index).and_then(Value::as_number).unwrap_or(f64::NAN)
}

fn first(args: &[Val]) -> Val {
    args.first().cloned().unwrap_or(Value::Undefined)
}

/// Whether two values are the very same: bits for numbers, identity for objects.
fn same(a: &Val, b: &Val) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.to_bits() == b.to_bits(),
        _ => a == b,
    }
}

fn globals(toy: &Toy) -> Obj {
    let global = toy.object();
    let put = |key: &str, object: Obj| global.put(key, Value::Reference(object));
    put_classes(toy, &put);
    put_functions(toy, &put);
    put_data(toy, &put);
    put_trouble(toy, &put);
    put_inspection(toy, &put);
    global
}

fn put_classes(toy: &Toy, put: &dyn Fn(&str, Obj)) {
    let array =
        toy.class("Array", |toy, _, args| Ok(Value::Reference(toy.array(args.to_vec())).into()));
    array.put(
        "isArray",
        Value::Reference(toy.function("isArray", |_, _, args| {
            let is = |object: &Obj| object.0.items.is_some();
            Ok(Value::Bool(first(args).as_reference().is_some_and(is)).into())
        })),
    );
    put("Array", array);
    let object = toy.class("Object", |toy, _, _| Ok(Value::Reference(toy.object()).into()));
    object.put(
        "is",
        Value::Reference(toy.function("is", |_, _, args| {
            Ok(Value::Bool(args.len() == 2 && same(&args[0], &args[1])).into())
        })),
    );
    put("Object", object);
    // Its instances find their method by the prototype.
    let shared = toy.object();
    shared.put(
        "hello",
        Value::Reference(toy.function("hello", |_, this, _| {
            let own = this.as_reference().and_then(|this| this.find("what"));
            Ok(match own {
                Some(Property::Plain(value)) => value.into(),
                _ => Value::Undefined.into(),
            })
        })),
    );
    let demo = toy.class("Demo", move |toy, _, args| {
        let prototype = Some(shared.clone());
        let instance = toy.make(Parts { prototype, ..Parts::default() });
        instance.put("what", first(args));
        Ok(Value::Reference(instance).into())
    });
    demo.put(
        "hello",
        Value::Reference(toy.function("hello", |_, _, _| Ok(Value::from("world").into()))),
    );
    put("Demo", demo);
}

fn put_functions(toy: &Toy, put: &dyn Fn(&str, Obj)) {
    let function = |name: &str, code: fn(&Toy, &Val, &[Val]) -> Outcome<Obj>| {
        put(name, toy.function(name, code));
    };
    function("identity", |_, _, args| Ok(first(args).into()));
    function("add_inverse", |_, _, args| {
        Ok(Value::Number(-(number(args, 0) + number(args, 1))).into())
    });
    function("sum", |_, _, args| {
        let Value::Reference(object) = first(args) else { return Ok(Value::Undefined.into()) };
        let items = object.0.items.as_ref().map(|items| items.borrow().clone());
        let sum = items.unwrap_or_default().iter().filter_map(Value::as_number).sum();
        Ok(Value::Number(sum).into())
    });
    function("factory", |toy, _, _| {
        let made = toy.function("made", |_, _, _| Ok(Value::from(6).into()));
        made.put("x", "wow".into());
        Ok(Value::Reference(made).into())
    });
    function("fresh", |toy, _, _| Ok(Value::Reference(toy.object()).into()));
    function("this", |_, this, _| Ok(this.clone().into()));
    function("count", |_, _, args| Ok(Value::Number(args.len() as f64).into()));
    function("remember", |toy, _, args| {
        *toy.remembered.borrow_mut() = first(args);
        Ok(Value::Undefined.into())
    });
    function("remembered", |toy, _, _| Ok(toy.remembered.borrow().clone().into()));
    function("is_remembered", |toy, _, args| {
        Ok(Value::Bool(same(&toy.remembered.borrow(), &first(args))).into())
    });
}

fn put_data(toy: &Toy, put: &dyn Fn(&str, Obj)) {
    let values = toy.object();
    values.put("null", Value::Null);
    values.put("undefined", Value::Undefined);
    values.put("nan", f64::NAN.into());
    values.put("minus_zero", (-0.0).into());
    put("values", values);
    for name in ["date", "map"] {
        put(name, toy.object());
    }
    put(
        "error",
        toy.thrown("Error", "kept").value.into_reference().unwrap_or_else(|_| toy.object()),
    );
    let (nested, inner) = (toy.object(), toy.object());
    inner.put("value", 1.into());
    nested.put("inner", Value::Reference(inner));
    put("nested", nested);
    put("numbers", toy.array(vec![1.into(), 2.into(), 3.into()]));
    let last = toy.object();
    last.put("a", 3.into());
    let items =
        vec![Value::Reference(toy.array(Vec::new())), 5.into(), 6.into(), Value::Reference(last)];
    put("mixed", toy.array(items));
}

fn put_trouble(toy: &Toy, put: &dyn Fn(&str, Obj)) {
    let function = |name: &str, code: fn(&Toy, &Val, &[Val]) -> Outcome<Obj>| {
        put(name, toy.function(name, code));
    };
    function("fail", |toy, _, args| {
        let message = first(args);
        Err(toy.thrown("RangeError", message.as_str().unwrap_or("far")))
    });
    function("panic", |_, _, _| panic!("the host panics on purpose"));
    function("fresh_later", |toy, _, args| {
        std::thread::sleep(Duration::from_millis(number(args, 0) as u64));
        Ok(Value::Reference(toy.object()).into())
    });
    function(
        "long_text",
        |_, _, args| Ok(Value::from("a".repeat(number(args, 0) as usize)).into()),
    );
    function("long_bytes", |_, _, args| Ok(Value::from(vec![7; number(args, 0) as usize]).into()));
    let bad = toy.object();
    let throws: Native = Rc::new(|toy, _, _| Err(toy.thrown("Error", "the getter throws")));
    bad.define("bad", Property::Getter(throws));
    bad.put("good", 1.into());
    put("bad", bad);
}

fn put_inspection(toy: &Toy, put: &dyn Fn(&str, Obj)) {
    let function = |name: &str, code: fn(&Toy, &Val, &[Val]) -> Outcome<Obj>| {
        put(name, toy.function(name, code));
    };
    function("held", |toy, _, _| Ok(Value::Number(toy.local().held_objects() as f64).into()));
    function("living", |toy, _, _| Ok(Value::Number(toy.ledger.living() as f64).into()));
    function("refused", |toy, _, _| {
        Ok(Value::Number(toy.link.counters().refused_unrefs as f64).into())
    });
    function("received", |toy, _, _| {
        Ok(Value::Number(toy.link.counters().records_received as f64).into())
    });
    function("gets", |toy, _, _| {
        Ok(Value::Number(toy.link.counters().served(Trap::Get) as f64).into())
    });
}
