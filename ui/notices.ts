import type { Plugin } from "vite";

/** Writes THIRD-PARTY-NOTICES.txt: name, version and licence text of every package whose code is in the build. */
export const thirdPartyNotices: Plugin = {
  name: "third-party-notices",
  async generateBundle(_, bundle) {
    const chunks = Object.values(bundle).filter((part) => part.type === "chunk");
    const folders = new Set(chunks.flatMap((chunk) => chunk.moduleIds.flatMap(packageFolder)));
    const read = (path: string) => this.fs.readFile(path, { encoding: "utf8" });
    const notices: string[] = [];
    for (const folder of [...folders].sort()) {
      const manifest = JSON.parse(await read(`${folder}/package.json`)) as Manifest;
      const files = (await this.fs.readdir(folder))
        .filter((name) => LICENCE_FILE.test(name))
        .sort();
      const texts = await Promise.all(files.map((name) => read(`${folder}/${name}`)));
      const licence = texts.length > 0 ? texts.join("\n\n") : standardText(manifest);
      if (!licence) return this.error(`${manifest.name} has no licence text: look for it by hand`);
      const title = `${manifest.name} ${manifest.version} (${manifest.license})`;
      notices.push(`${title}\n${"-".repeat(title.length)}\n\n${licence.trim()}\n`);
    }
    const head = "Catalog Explorer, the web UI of Modelkeep, contains code of these packages:\n";
    const source = [head, ...notices].join("\n\n").replaceAll("\r\n", "\n");
    this.emitFile({ type: "asset", fileName: "THIRD-PARTY-NOTICES.txt", source });
  },
};

interface Manifest {
  name: string;
  version: string;
  license?: string;
  author?: string | { name: string };
}

const LICENCE_FILE = /^(licen[cs]e|copying|notice)([.-].*)?$/i;

/** The folder of the package that a module belongs to; nothing for our own modules and those of the bundler. */
function packageFolder(module: string): string[] {
  const folder = /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(module)?.[1];
  return folder ? [folder] : [];
}

/** The text of the MIT licence for a package that names that licence and its author, and has no file with the text. */
function standardText({ license, author }: Manifest): string {
  const holder = typeof author === "string" ? author : author?.name;
  return license === "MIT" && holder ? MIT.replace("HOLDER", holder) : "";
}

const MIT = `MIT License

Copyright (c) HOLDER

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.`;
