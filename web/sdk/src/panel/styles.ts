// The panel's style sheet, as text that the panel itself renders: nothing for the host to load or to forget. Every
// colour is named once, for light and for dark, and text keeps a contrast of 4.5 in both.

export const CSS = `
.ptp{--ink:light-dark(#1b1e23,#e9ebee);--soft:light-dark(#5a616b,#a3abb6);--line:light-dark(#e3e6ea,#30353d);
--edge:light-dark(#8a919b,#767e8a);--paper:light-dark(#fff,#16191d);--wash:light-dark(#f5f6f8,#1e2227);
--accent:light-dark(#2f6f5e,#6fc3a8);--tint:light-dark(#cfe5dd,#2b4a41);--warn:light-dark(#9a4b00,#f2b05e);
container-type:inline-size;box-sizing:border-box;padding:24px;border:1px solid var(--line);border-radius:16px;
background:var(--paper);color:var(--ink);font:400 14px/1.45 system-ui,sans-serif;font-variant-numeric:tabular-nums}
.ptp *{box-sizing:border-box}
.ptp header,.ptp-filters,.ptp-pager,.ptp label{display:flex;align-items:center;gap:8px}
.ptp header,.ptp-filters,.ptp-pager{flex-wrap:wrap;gap:10px 16px}
.ptp h2{margin:0 auto 0 0;font-size:20px;font-weight:650;letter-spacing:-.01em}
.ptp label,.ptp-age{color:var(--soft)}
.ptp-age{min-width:10em;text-align:right}
.ptp input,.ptp select,.ptp button{height:34px;padding:0 10px;border:1px solid var(--edge);border-radius:8px;
background:var(--paper);color:var(--ink);font:inherit}
.ptp button{cursor:pointer;padding:0 14px;font-weight:550}
.ptp button:hover{background:var(--wash)}
.ptp [aria-disabled=true]{color:var(--soft);border-color:var(--line);cursor:default}
.ptp :focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.ptp ::placeholder{color:var(--soft);opacity:1}
.ptp-filters{margin-top:18px}
.ptp-filters input{width:150px}
.ptp-filters input[type=number]{width:84px}
.ptp-status{min-height:36px;margin:0;padding:8px 0;color:var(--soft)}
.ptp-scroll{min-height:496px;overflow-x:auto;border:1px solid var(--line);border-radius:12px}
.ptp table{width:100%;min-width:900px;table-layout:fixed;border-collapse:separate;border-spacing:0}
.ptp th,.ptp td{position:relative;height:45px;padding:0 12px;border-bottom:1px solid var(--line);text-align:right;
overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.ptp tr:last-child>*{border-bottom:0}
.ptp thead tr>*{border-bottom:1px solid var(--line);background:var(--wash)}
.ptp tr>:first-child{position:sticky;left:0;z-index:1;text-align:left;background:var(--paper);font-weight:550}
.ptp thead tr>:first-child{background:var(--wash)}
.ptp tbody tr:hover>*{background:var(--wash)}
.ptp thead button{display:flex;align-items:center;flex-direction:row-reverse;width:100%;height:100%;padding:0;border:0;background:none;color:var(--soft);font-weight:550}
.ptp thead :first-child>button{flex-direction:row}
.ptp thead button:focus-visible{outline-offset:-2px}
.ptp [aria-sort] button{color:var(--ink)}
.ptp-arrow{display:inline-block;width:1.2em;text-align:center;opacity:0}
.ptp [aria-sort] .ptp-arrow,.ptp button:hover .ptp-arrow,.ptp button:focus-visible .ptp-arrow{opacity:1}
.ptp table[aria-busy=true] tbody{opacity:.55}
.ptp-bar{position:absolute;right:12px;bottom:6px;height:3px;border-radius:2px;background:var(--accent)}
.ptp-interval{display:inline-block;min-width:7.5em;color:var(--soft);font-weight:400;font-size:12px}
.ptp-small b{color:var(--soft);font-weight:400}
.ptp-range{position:absolute;left:12px;right:12px;bottom:6px;height:3px;border-radius:2px;background:var(--line)}
.ptp-range i{position:absolute;top:0;bottom:0;border-radius:2px;background:light-dark(#8dbcae,#447f6d)}
.ptp-range i+i{top:-2px;bottom:-2px;width:3px;margin-left:-1px;background:var(--accent)}
.ptp-small .ptp-range{opacity:.45}
.ptp-flag,.ptp-flag .ptp-interval{color:var(--warn)}
.ptp-skeleton{display:block;width:70%;height:10px;margin-left:auto;border-radius:5px;background:var(--line)}
.ptp tr>:first-child .ptp-skeleton{margin-left:0}
.ptp-notice{position:sticky;left:0;display:flex;flex-direction:column;align-items:center;justify-content:center;gap:14px;
width:100%;min-height:496px;padding:24px;text-align:center}
.ptp-notice h3{margin:0;font-size:17px}
.ptp-notice p{max-width:46ch;margin:0;color:var(--soft);overflow-wrap:anywhere}
.ptp-pager{margin-top:16px}
.ptp-pager span{margin-right:auto}
.ptp-hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@media(prefers-reduced-motion:no-preference){.ptp-skeleton{animation:ptp-pulse 1.6s ease-in-out infinite}}
@keyframes ptp-pulse{50%{opacity:.4}}
@container(max-width:640px){.ptp h2{width:100%}.ptp-age{margin-right:auto;min-width:0}.ptp table{min-width:760px}
.ptp-filters{display:grid;grid-template-columns:1fr 1fr}.ptp-filters label{display:block}
.ptp-filters :is(input,select,input[type=number]){display:block;width:100%}}
`;
