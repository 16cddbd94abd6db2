/** For a light page, and for a dark one. */
export const STYLE = `
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 14px; font-weight: 600 }
.small { font-size: 11px; fill: #59636e }
.grid { stroke: #d1d9e0 }
.other { fill: #818b98; stroke: #818b98 }
.ours { fill: #0969da; stroke: #0969da }
.s0 { fill: #818b98; stroke: #818b98 } .s1 { fill: #bc4c00; stroke: #bc4c00 } .s2 { fill: #0969da; stroke: #0969da }
.s3 { fill: #8250df; stroke: #8250df } .s4 { fill: #1a7f37; stroke: #1a7f37 }
.line { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .small { fill: #9198a1 }
  .grid { stroke: #3d444d }
  .ours, .s2 { fill: #4493f8; stroke: #4493f8 }
  .line { fill: none }
}
`;
