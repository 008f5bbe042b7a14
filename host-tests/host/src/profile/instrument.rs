//! Rewrites a module so that each function calls the host at its beginning and at each of its ends.
//!
//! A body becomes `enter(n); block … end; leave()`. The block takes the place of the body's outermost label, so that a
//! branch that ended the function ends the block; a `return` gets a `leave()` of its own. Refuses what Rust's compiler
//! does not write: functions with several results and tail calls.

use anyhow::{Context as _, anyhow, bail};
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{BlockType, CodeSection, EntityType, ImportSection, Instruction, TypeSection};
use wasmparser::{FunctionBody, KnownCustom, Name, Operator, Parser, Payload, TypeRef};

/// The module the two calls are imported from.
pub const MODULE: &str = "profile";
/// Called with the function's number as it was before the rewriting.
pub const ENTER: &str = "enter";
/// Called at each end of a function.
pub const LEAVE: &str = "leave";
/// Instructions of one call of [`ENTER`]: the number and the call.
pub const ENTER_COST: u64 = 2;
/// Instructions of one call of [`LEAVE`].
pub const LEAVE_COST: u64 = 1;

/// The rewritten module, and the names of its functions by the numbers they had.
pub fn instrument(bytes: &[u8]) -> anyhow::Result<(Vec<u8>, Vec<String>)> {
    let mut rewriter = Rewriter::read(bytes)?;
    let names = names(bytes, rewriter.functions())?;
    let mut module = wasm_encoder::Module::new();
    rewriter
        .parse_core_module(&mut module, Parser::new(0), bytes)
        .map_err(|error| anyhow!("{error}"))?;
    Ok((module.finish(), names))
}

struct Rewriter {
    /// Types in the module as it was; the two calls' types come behind them.
    types: u32,
    /// Functions that are imported by the module as it was; the two calls come behind them.
    imports: u32,
    /// The results of each type.
    results: Vec<Vec<wasmparser::ValType>>,
    /// The type of each function that has a body.
    bodies: Vec<u32>,
    /// The body that is next.
    next: u32,
}

impl Rewriter {
    fn read(bytes: &[u8]) -> anyhow::Result<Self> {
        let mut found = Self {
            types: 0,
            imports: 0,
            results: Vec::new(),
            bodies: Vec::new(),
            next: 0,
        };
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::TypeSection(section) => {
                    for function in section.into_iter_err_on_gc_types() {
                        found.results.push(function?.results().to_vec());
                        found.types += 1;
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        found.imports += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::FunctionSection(section) => {
                    for kind in section {
                        found.bodies.push(kind?);
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }

    fn functions(&self) -> usize {
        self.bodies.len() + self.imports as usize
    }

    fn body(&mut self, body: &FunctionBody<'_>) -> anyhow::Result<wasm_encoder::Function> {
        let number = self.imports + self.next;
        let kind = self.bodies.get(self.next as usize);
        self.next += 1;
        let kind = *kind.context("more bodies than functions")?;
        let results = self.results.get(kind as usize);
        let block = match results.context("a function without a type")?.as_slice() {
            [] => BlockType::Empty,
            [one] => BlockType::Result(self.val_type(*one).map_err(|e| anyhow!("{e}"))?),
            _ => bail!("function {number} has several results"),
        };
        let (enter, leave) = (self.imports, self.imports + 1);
        let mut out = self
            .new_function_with_parsed_locals(body)
            .map_err(|e| anyhow!("{e}"))?;
        out.instruction(&Instruction::I32Const(number.cast_signed()));
        out.instruction(&Instruction::Call(enter));
        out.instruction(&Instruction::Block(block));
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let operator = reader.read()?;
            match operator {
                Operator::Return => {
                    out.instruction(&Instruction::Call(leave));
                }
                Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } => {
                    bail!("function {number} ends in a tail call");
                }
                _ => {}
            }
            let instruction = self.instruction(operator).map_err(|e| anyhow!("{e}"))?;
            out.instruction(&instruction);
        }
        // The body's own `end` has closed the block.
        out.instruction(&Instruction::Call(leave));
        out.instruction(&Instruction::End);
        Ok(out)
    }
}

impl Reencode for Rewriter {
    type Error = anyhow::Error;

    fn function_index(&mut self, index: u32) -> Result<u32, reencode::Error<anyhow::Error>> {
        let added = if index < self.imports { 0 } else { 2 };
        Ok(index + added)
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Result<(), reencode::Error<anyhow::Error>> {
        reencode::utils::parse_type_section(self, types, section)?;
        types.ty().function([wasm_encoder::ValType::I32], []);
        types.ty().function([], []);
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Result<(), reencode::Error<anyhow::Error>> {
        reencode::utils::parse_import_section(self, imports, section)?;
        imports.import(MODULE, ENTER, EntityType::Function(self.types));
        imports.import(MODULE, LEAVE, EntityType::Function(self.types + 1));
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), reencode::Error<anyhow::Error>> {
        let body = self.body(&body).map_err(reencode::Error::UserError)?;
        code.function(&body);
        Ok(())
    }

    /// Names and producers speak of the module as it was.
    fn parse_custom_section(
        &mut self,
        _: &mut wasm_encoder::Module,
        _: wasmparser::CustomSectionReader<'_>,
    ) -> Result<(), reencode::Error<anyhow::Error>> {
        Ok(())
    }
}

/// The functions' names; where there is none, `function N`.
fn names(bytes: &[u8], count: usize) -> anyhow::Result<Vec<String>> {
    let mut names: Vec<String> = (0..count).map(|n| format!("function {n}")).collect();
    for payload in Parser::new(0).parse_all(bytes) {
        let Payload::CustomSection(section) = payload? else {
            continue;
        };
        let KnownCustom::Name(section) = section.as_known() else {
            continue;
        };
        for name in section {
            let Name::Function(functions) = name? else {
                continue;
            };
            for naming in functions {
                let naming = naming?;
                if let Some(name) = names.get_mut(naming.index as usize) {
                    // Without the compiler's hash.
                    *name = format!("{:#}", rustc_demangle::demangle(naming.name));
                }
            }
        }
    }
    Ok(names)
}
